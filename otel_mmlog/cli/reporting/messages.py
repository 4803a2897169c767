"""Warnings and errors of a run, those that say the same as one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from otel_mmlog.runs.dated import dated
from otel_mmlog.runs.entries import Entry, parse_entry
from otel_mmlog.runs.find import Part, Run
from otel_mmlog.runs.mmengine import MMEngineRun
from otel_mmlog.runs.reading import lines_from, lines_with

LEVELS: Final = ("CRITICAL", "ERROR", "WARNING")
MOST_KINDS: Final = 2000
"""How many different texts are told apart."""

_SEARCHED_BYTES: Final = 1 << 32
_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+|\d+(?:[.,]\d+)*(?:e[+-]?\d+)?|\b[0-9a-f]{8,}\b")
_KEY_CHARS: Final = 500


class Said(NamedTuple):
    """A log call of a level that matters.

    Attributes:
        level: ``ERROR`` and so on.
        text: The message.
        rank: Who said it.
        time_s: Unix time.
        logger: Name of the logger.
        exception: Type, message and stack trace; empty for none.
    """

    level: str
    text: str
    rank: int
    time_s: float
    logger: str
    exception: tuple[str, str, str] | None = None


@dataclass(slots=True)
class Message:
    """Log calls that say the same, but for numbers in their texts.

    Attributes:
        first: The first of them.
        count: How many there are.
        last_s: Unix time of the last.
        ranks: Who said it.
        is_varied: Whether the texts differ in a number.
    """

    first: Said
    count: int = 0
    last_s: float = 0.0
    ranks: set[int] = field(default_factory=set)
    is_varied: bool = False


@dataclass(slots=True)
class Messages:
    """What was found.

    Attributes:
        kinds: The worst level first, then the most frequent.
        counts: Level -> how many calls.
        is_whole: Whether everything was read, and all texts were told apart.
    """

    kinds: Sequence[Message] = ()
    counts: dict[str, int] = field(default_factory=dict)
    is_whole: bool = True


def messages_of(run: Run | MMEngineRun) -> Messages:
    """Return the warnings and errors of all ranks and attempts of a run.

    Raises:
        OSError: A file cannot be read.
    """
    found = Messages()
    said = _said(run, found) if isinstance(run, Run) else _said_by_mmengine(run, found)
    kinds: dict[tuple[str, str, str], Message] = {}
    for each in said:
        found.counts[each.level] = found.counts.get(each.level, 0) + 1
        key = each.level, each.logger, _NUMBER.sub("#", each.text[:_KEY_CHARS])
        message = kinds.get(key)
        if message is None:
            if len(kinds) >= MOST_KINDS:
                found.is_whole = False
                continue
            message = kinds[key] = Message(each)
        _count(message, each)
    found.kinds = sorted(kinds.values(), key=_worst_first)
    return found


def _count(message: Message, said: Said) -> None:
    message.count += 1
    message.ranks.add(said.rank)
    message.is_varied |= said.text != message.first.text
    message.last_s = max(message.last_s, said.time_s)
    if said.time_s < message.first.time_s:
        message.first = said


def _worst_first(message: Message) -> tuple[int, int, float]:
    return LEVELS.index(message.first.level), -message.count, message.first.time_s


def _said(run: Run, found: Messages) -> Iterator[Said]:
    needles = tuple(f'", "level": "{level}", "logger": '.encode() for level in LEVELS)
    most_bytes = _SEARCHED_BYTES // max(1, len(run.parts))
    for part in run.parts:
        start = max(part.start, _stop(part) - most_bytes)
        found.is_whole &= start == part.start
        entries = map(parse_entry, lines_with(part.path, needles, start, part.stop))
        yield from (_of(entry) for entry in entries if entry is not None and entry.level in LEVELS)


def _of(entry: Entry) -> Said:
    return Said(entry.level, entry.text, entry.rank, entry.time_s, entry.logger, _exception(entry.rest))


def _exception(rest: Any) -> tuple[str, str, str] | None:
    told = rest.get("exception")
    if not isinstance(told, dict):
        return None
    trace = next((told[key] for key in ("stacktrace", "traceback", "stack") if key in told), "")
    return str(told.get("type", "")), str(told.get("message", "")), trace if isinstance(trace, str) else ""


def _said_by_mmengine(run: MMEngineRun, found: Messages) -> Iterator[Said]:
    most_bytes = _SEARCHED_BYTES // max(1, len(run.logs))
    for rank, path in run.logs.items():
        start = max(0, path.stat().st_size - most_bytes)
        found.is_whole &= start == 0
        for call in dated(_shortened(lines_from(path, start))):
            if call.level in LEVELS:
                yield Said(call.level, "\n".join(call.lines).rstrip(), rank, call.time_s, call.logger)


def _shortened(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line[:10_000]


def _stop(part: Part) -> int:
    return part.path.stat().st_size if part.stop is None else part.stop
