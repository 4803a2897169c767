"""The spans of a run, as far as its journals still have them: what was delivered may be gone."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from otel_mmlog.core.line_check import DamagedLineError, checked
from otel_mmlog.core.own_folders import is_own
from otel_mmlog.core.plain_files import read_plain
from otel_mmlog.core.segments import PART, sealed_path, segment_paths
from otel_mmlog.otel.semconv import (
    EVENT_SPAN_START,
    RANK,
    RUN_ATTEMPT,
    RUN_ID,
    SPAN_ATTRIBUTES,
    SPAN_NAME,
    SPAN_PARENT_ID,
    SPAN_SYNTHESIZED,
)

MOST_BYTES: Final = 1 << 30
"""How much of the journals is read; of what is more the oldest."""

MOST_SPANS: Final = 200_000
"""How many spans are kept."""

_RANK: Final = re.compile(r"rank(\d{4,})", re.ASCII)
_SPANS, _START = b'"resourceSpans"', EVENT_SPAN_START.encode()
_FAILED: Final = 2


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time of one rank.

    Attributes:
        name: ``mmlog.epoch``.
        rank: Whose it is.
        attempt: In which attempt.
        span_id: Its id.
        parent_id: Of the span that it is in; empty for none.
        start_s: Unix time.
        end_s: Unix time; None if nothing says when it ended.
        is_failed: Whether an error ended it, or the end of its process.
        attributes: Those whose values are text or numbers.
    """

    name: str
    rank: int
    attempt: int
    span_id: str
    parent_id: str
    start_s: float
    end_s: float | None
    is_failed: bool
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(slots=True)
class Spans:
    """What was found.

    Attributes:
        spans: By their start.
        has_journal: Whether there is a journal at all.
        skipped: Lines that were torn or damaged.
        is_cut: Whether there was more than is kept.
    """

    spans: list[Span] = field(default_factory=list)
    has_journal: bool = False
    skipped: int = 0
    is_cut: bool = False


def read_spans(work_dir: Path, run_id: str, names: frozenset[str], file_mode: int) -> Spans:
    """Return the spans of a run that are in the journals of a work_dir, ended or not.

    Args:
        work_dir: Of the run.
        run_id: Spans of other runs are left out.
        names: Of spans that are wanted.
        file_mode: Of the run's files; journals of other users are left out.

    Raises:
        OSError: A file cannot be read.
    """
    found = Spans()
    ended: dict[str, Span] = {}
    begun: dict[str, Span] = {}
    for line in _lines(_journals(work_dir, file_mode), file_mode, found):
        for span in _spans_in(line, run_id, found):
            if span.name in names:
                (begun if span.end_s is None else ended).setdefault(span.span_id, span)
        if len(ended) + len(begun) > MOST_SPANS:
            found.is_cut = True
            break
    spans = [*ended.values(), *(span for key, span in begun.items() if key not in ended)]
    found.spans = sorted(spans, key=lambda span: (span.start_s, span.end_s is not None, -(span.end_s or 0)))
    return found


def _journals(work_dir: Path, file_mode: int) -> list[Path]:
    folders = sorted(path for path in work_dir.glob("otlp/rank*") if _RANK.fullmatch(path.name))
    return [path for path in folders if path.is_dir() and is_own(path, file_mode)]


def _lines(folders: list[Path], file_mode: int, found: Spans) -> Iterator[bytes]:
    """The lines that tell of a span's begin or end."""
    left = MOST_BYTES
    for path in (path for folder in folders for path in segment_paths(folder)):
        found.has_journal = True
        file = _open(path, file_mode, found)
        if file is None:
            continue
        with file:
            for line in file:
                left -= len(line)
                if left < 0:
                    found.is_cut = True
                    return
                if line.endswith(b"\n"):
                    if _SPANS in line or _START in line:
                        yield line
                elif path.suffix != PART:
                    found.skipped += 1


def _open(path: Path, file_mode: int, found: Spans) -> IO[bytes] | None:
    """A segment, also if it was sealed meanwhile; None if it was delivered and removed, or is somebody else's."""
    for each in (path, sealed_path(path)):
        try:
            return read_plain(each, os.O_NOFOLLOW, file_mode)
        except FileNotFoundError:
            continue
        except OSError:
            found.skipped += 1
            return None
    return None


def _spans_in(line: bytes, run_id: str, found: Spans) -> list[Span]:
    try:
        request = json.loads(checked(line))
        return [
            span
            for resource, item in _items(request)
            if resource.get(RUN_ID) == run_id and (span := _span(resource, item)) is not None
        ]
    except (DamagedLineError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        found.skipped += 1
        return []


def _items(request: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    for by_resource, by_scope, items in (
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceLogs", "scopeLogs", "logRecords"),
    ):
        for group in request.get(by_resource, ()):
            resource = _values(group.get("resource", {}).get("attributes", ()))
            for scope in group.get(by_scope, ()):
                for item in scope.get(items, ()):
                    yield resource, item


def _span(resource: Mapping[str, Any], item: Mapping[str, Any]) -> Span | None:
    """What a span or the event of its start tells; None for any other log record."""
    rank, attempt = int(resource.get(RANK, 0)), int(resource.get(RUN_ATTEMPT, 0))
    attributes = _values(item.get("attributes", ()))
    if "spanId" in item and "startTimeUnixNano" in item:
        is_failed = item.get("status", {}).get("code") == _FAILED
        is_open_end = attributes.pop(SPAN_SYNTHESIZED, False)
        return Span(
            str(item["name"]),
            rank,
            attempt,
            str(item["spanId"]),
            str(item.get("parentSpanId", "")),
            int(item["startTimeUnixNano"]) / 1e9,
            int(item["endTimeUnixNano"]) / 1e9,
            is_failed=bool(is_failed or is_open_end),
            attributes=attributes,
        )
    if item.get("eventName") != EVENT_SPAN_START:
        return None
    told: Any = next((each["value"] for each in item["attributes"] if each["key"] == SPAN_ATTRIBUTES), {})
    return Span(
        str(attributes[SPAN_NAME]),
        rank,
        attempt,
        str(item["spanId"]),
        str(attributes.get(SPAN_PARENT_ID, "")),
        int(item["timeUnixNano"]) / 1e9,
        None,
        is_failed=False,
        attributes=_values(told.get("kvlistValue", {}).get("values", ())),
    )


def _values(pairs: Any) -> dict[str, Any]:
    """Attributes whose values are text, numbers or truth."""
    found: dict[str, Any] = {}
    for pair in pairs:
        value = pair.get("value", {})
        if "stringValue" in value:
            found[str(pair["key"])] = str(value["stringValue"])
        elif "intValue" in value:
            found[str(pair["key"])] = int(value["intValue"])
        elif "doubleValue" in value:
            found[str(pair["key"])] = float(value["doubleValue"])
        elif "boolValue" in value:
            found[str(pair["key"])] = bool(value["boolValue"])
    return found
