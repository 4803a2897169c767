"""What a new attempt does for the processes that died before it: end their spans, seal their files."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from otel_mmlog.core.line_check import DamagedLineError, checked
from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import read_plain
from otel_mmlog.core.segments import PART, claim, parse_name, sealed_path, segment_paths
from otel_mmlog.otel.admission import LINE_LIMIT_BYTES
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.open_spans import (
    END_MARK,
    START_MARK,
    SpanStart,
    end_span,
    ended_spans,
    latest_time_ns,
    span_starts,
)

READ_LIMIT_BYTES: Final = 256 * 1024 * 1024
_TAIL_LINES: Final = 32

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found and done.

    Attributes:
        sealed: Files of dead processes that got their final name.
        spans: Spans that were ended for their processes.
        skipped_lines: Lines that are torn or do not parse, among those that had to be looked at.
        unread_bytes: What lay beyond the read limit: spans that began there stay open.
        errors: Files that could not be read, and why.
    """

    sealed: int
    spans: int
    skipped_lines: int
    unread_bytes: int
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Findings:
    """The running counts of a recovery."""

    budget_bytes: int
    file_mode: int
    sealed: int = 0
    spans: int = 0
    skipped_lines: int = 0
    unread_bytes: int = 0
    errors: list[str] = field(default_factory=list)


def recover(
    folder: Path,
    append: Callable[[EncodedLine], bool],
    *,
    read_limit_bytes: int = READ_LIMIT_BYTES,
    file_mode: int = PRIVATE,
) -> Recovery:
    """End the open spans of dead processes in a rank's folder, then seal their files.

    A process is dead if nobody holds the lock on a file that it left as ``.part``; files of living
    ones, in this process or another, are not touched. Never raises for what is in the files.

    Args:
        folder: The rank's folder; it need not exist.
        append: Takes each ended span as a line. A file whose spans it does not take stays as it is.
        read_limit_bytes: Newest segments first, no more than this is read.
        file_mode: Of the run's files; see `is_trusted`.
    """
    findings = _Findings(read_limit_bytes, file_mode)
    try:
        paths = segment_paths(folder)
    except FileNotFoundError:
        paths = []
    except OSError as error:
        paths = []
        findings.errors.append(f"{folder}: {error!r}")
    for path in paths:
        if path.suffix == PART:
            _recover_process(path, paths, append, findings)
    return Recovery(
        findings.sealed, findings.spans, findings.skipped_lines, findings.unread_bytes, tuple(findings.errors)
    )


def _recover_process(
    part: Path, paths: list[Path], append: Callable[[EncodedLine], bool], findings: _Findings
) -> None:
    """End the spans of the process that left ``part`` open, then seal it."""
    with claim(part, findings.file_mode) as fd:
        if fd is None:
            return
        try:
            last_sign_ns = os.fstat(fd).st_mtime_ns
            starts, seen_ns = _open_spans(
                [path for path in reversed(paths) if _same_process(part, path)], findings
            )
            end_ns = min(seen_ns or last_sign_ns, last_sign_ns)
            lines = [
                line for start in starts if (line := end_span(start, end_ns)).size_bytes < LINE_LIMIT_BYTES
            ]
            taken = sum(append(line) for line in lines)
            findings.spans += taken
            if taken == len(lines):
                part.rename(sealed_path(part))
                findings.sealed += 1
        except OSError as error:
            findings.errors.append(f"{part}: {error!r}")


def _same_process(one: Path, other: Path) -> bool:
    """Whether one process wrote both segments."""
    a, b = parse_name(one.name), parse_name(other.name)
    return a is not None and b is not None and (a.start, a.process) == (b.start, b.process)


def _open_spans(paths: list[Path], findings: _Findings) -> tuple[list[SpanStart], int]:
    """The spans without an end, in order of start, and the latest time of the newest segment's tail.

    Newest segments come first: a span ends after it starts, so that one whose start was read has
    had its end read too, wherever the limit cuts.
    """
    starts: dict[tuple[str, str], SpanStart] = {}
    ended: set[tuple[str, str]] = set()
    seen_ns = 0
    for path in paths:
        tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
        for line in _lines(path, findings):
            tail.append(line)
            if START_MARK in line:
                starts.update((start.key, start) for start in _parse(span_starts, line, findings))
            if END_MARK in line:
                ended.update(_parse(ended_spans, line, findings))
        seen_ns = seen_ns or latest_time_ns(tail)
    still_open = [start for key, start in starts.items() if key not in ended]
    return sorted(still_open, key=lambda start: int(start.span["startTimeUnixNano"])), seen_ns


def _parse(parse: Callable[[bytes], list[_T]], line: bytes, findings: _Findings) -> list[_T]:
    """What a line holds; a line that does not parse costs itself."""
    try:
        return parse(line)
    except ValueError:
        findings.skipped_lines += 1
        return []


def _lines(path: Path, findings: _Findings) -> Iterator[bytes]:
    """The whole lines of a segment that look like objects; others are counted."""
    with contextlib.suppress(FileNotFoundError), read_plain(path, os.O_NOFOLLOW, findings.file_mode) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes > findings.budget_bytes:
            findings.budget_bytes = 0  # an older segment must not be read without this one
            findings.unread_bytes += size_bytes
            return
        findings.budget_bytes -= size_bytes
        in_long_line = False
        while line := file.readline(LINE_LIMIT_BYTES):
            ends = line.endswith(b"\n") or len(line) < LINE_LIMIT_BYTES
            whole = _whole(line) if ends and not in_long_line else None
            if whole is not None:
                yield whole
            elif ends and (in_long_line or line != b"\n"):
                findings.skipped_lines += 1
            in_long_line = not ends
        findings.skipped_lines += in_long_line


def _whole(line: bytes) -> bytes | None:
    """A line without its check; None if it is damaged, or looks like no object."""
    try:
        line = checked(line)
    except DamagedLineError:
        return None
    return line if line.startswith(b"{") and line.rstrip().endswith(b"}") else None
