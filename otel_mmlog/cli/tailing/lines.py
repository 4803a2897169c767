"""One line of one rank, whatever its file's format is: read quickly, and rendered only if it is shown."""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from otel_mmlog.core.escape import continuation, escape_json
from otel_mmlog.core.record import CodeRef, ExceptionInfo, LogEvent
from otel_mmlog.pipeline.plain import to_json
from otel_mmlog.pipeline.text import TextRenderer, message
from otel_mmlog.runs.dated import Dated, dated, last_dated, text_of
from otel_mmlog.runs.entries import Entry, parse_entry
from otel_mmlog.runs.reading import Skips

HIDDEN = "mmlog.scalars"
"""Event whose lines are in JSON files and in no text file."""

_CONFIG = "mmlog.run.config"
_WITH_ATTRIBUTES = ("", _CONFIG, "mmlog.text")
"""Events whose text shows their attributes."""
_LEVEL = re.compile(rb'"level": "([^"\\]+)"')
_RECORDS = (
    b'.iter", "mode": "',
    b'.epoch", "mode": "',
)  # the event's name, and what follows in records alone
_PLAIN = re.compile(r"[\w ,:;=@%&<>/'-]+(?:\|[\w ,:;=@%&<>/'-]+)*", re.ASCII)
_LOW = (b'", "level": "INFO", "logger": ', b'", "level": "DEBUG", "logger": ')
_TEXT, _TEXT_END = b'"event": "', b'", "rank": '
_IDS = ("trace_id", "span_id")
_SOURCE = re.compile(r"(.*):(\d+)", re.S)
_render = TextRenderer().render


class Line(NamedTuple):
    """A log call or a record of one rank.

    Attributes:
        time_s: Unix time.
        rank: Who wrote it.
        seq: Counts a process's lines; 0 where the file does not say.
        level: A number of the stdlib's.
        entry: What a JSON line says; None for one of a text file.
        call: What the lines of a text file say; None for a JSON line.
        raw: The JSON line; empty for one of a text file.
    """

    time_s: float
    rank: int
    seq: int
    level: int
    entry: Entry | None = None
    call: Dated | None = None
    raw: bytes = b""


def json_lines(
    lines: Iterable[bytes], least: int = 0, pattern: "re.Pattern[str] | None" = None
) -> Iterator[Line]:
    """Yield what JSON lines say, in their order; foreign and torn ones are left out.

    Args:
        lines: Lines without newlines.
        least: Level below which a line is not even parsed.
        pattern: What a line holds for certain if it is parsed.
    """
    for line in lines:
        if (least and _level_in(line) < least) or (pattern and _lacks(line, pattern)):
            continue
        entry = parse_entry(line)
        if entry is not None and entry.event_name != HIDDEN:
            yield Line(entry.time_s, entry.rank, entry.seq, level_number(entry.level), entry, None, line)


def skips_blocks(least: int, pattern: "re.Pattern[str] | None") -> Skips | None:
    """Return whether a block of JSON lines holds none that is wanted, by a glance; None if a glance cannot tell.

    Args:
        least: Level below which no line is wanted.
        pattern: What the text of a line holds; of words alone, or words with ``|`` between them, a glance tells.
    """
    words: tuple[bytes, ...] = ()
    if pattern is not None and _PLAIN.fullmatch(pattern.pattern) and not pattern.flags & re.IGNORECASE:
        words = tuple(pattern.pattern.encode().split(b"|"))
    if not words and least <= logging.INFO:
        return None

    def skips(block: bytes) -> bool:
        count = block.count(b"\n") + 1
        if least > logging.INFO and sum(map(block.count, _LOW)) == count:
            return True
        if not words or any(word in block for word in words):
            return False
        return sum(map(block.count, _RECORDS)) == count

    return skips


def text_lines(lines: Iterable[bytes], rank: int, *, last_first: bool = False) -> Iterator[Line]:
    """Yield what the lines of one of MMEngine's text files say."""
    for call in last_dated(lines) if last_first else dated(lines):
        yield Line(call.time_s, rank, 0, level_number(call.level), None, call)


def shown_text(line: Line) -> str:
    """Return the text of a line as it is in the rank's ``.log`` file; several lines for an exception."""
    if line.entry is not None:
        return _render(_event(line.entry)) + _further_lines(line.entry)
    return "" if line.call is None else text_of(line.call)


def searched_text(line: Line) -> str:
    """Return what a pattern is looked for in: the text behind date, logger and level."""
    if line.call is not None:
        return "\n".join(line.call.lines)
    if line.entry is None:
        return ""
    event = replace(_event(line.entry), event_name=None)  # a long config is searched as a whole
    return message(event) + ("" if event.exception is None else f"\n{event.exception.stacktrace}")


def as_json(line: Line) -> str:
    """Return a line as JSON; one of a text file gets the same keys."""
    if line.call is None:
        return escape_json(line.raw.decode("utf-8", "replace"))
    call = line.call
    value = {"level": call.level, "logger": call.logger, "event": "\n".join(call.lines), "rank": line.rank}
    return to_json({"ts": call.head[:19], **value})


@lru_cache(maxsize=256)
def level_number(name: str) -> int:
    """Return the number of a level's name; of one that nobody knows, INFO's."""
    number = logging.getLevelName(name)
    if isinstance(number, int):
        return number
    found = re.fullmatch(r"Level (\d{1,9})", name)
    return int(found[1]) if found else logging.INFO


def _level_in(line: bytes) -> int:
    found = _LEVEL.search(line)
    return level_number(found[1].decode("utf-8", "replace")) if found else 0


def _lacks(line: bytes, pattern: "re.Pattern[str]") -> bool:
    """Whether it is the line of a record whose text a pattern is not in; False where only parsing tells."""
    if not any(each in line for each in _RECORDS):
        return False
    start = line.find(_TEXT) + len(_TEXT)
    text = line[start : line.find(_TEXT_END, start)]
    return b"\\" not in text and text.isascii() and pattern.search(text.decode("ascii")) is None


def _event(entry: Entry) -> LogEvent:
    """The log event that a line was made of, as far as text shows it."""
    rest, level = dict(entry.rest), level_number(entry.level)
    for name in _IDS:
        _take(rest, name)
    exception = _take(rest, "exception") if "exception" in rest else None
    function = source = None
    if level >= logging.ERROR:
        function, source = _take(rest, "function"), _take(rest, "source")
    return LogEvent(
        time_ns=int(entry.time_s * 1e9),
        level=level,
        logger=entry.logger,
        body=entry.text.split("\n", 1)[0] if entry.mode else entry.text,
        attributes=rest if entry.event_name in _WITH_ATTRIBUTES else {},
        event_name=entry.event_name,
        exception=_exception(exception),
        code=_code(source, function),
    )


def _take(rest: dict[str, Any], name: str) -> Any:
    """Take out what the renderer wrote under a name; where a user's value had it, there is a ``_`` behind it."""
    key = next((key for key in reversed(rest) if key.rstrip("_") == name), None)
    return None if key is None else rest.pop(key)


def _further_lines(entry: Entry) -> str:
    """Arrays in records print over several lines."""
    _, newline, others = entry.text.partition("\n")
    return "".join(map(continuation, others.split("\n"))) if newline and entry.mode else ""


def _exception(value: Any) -> ExceptionInfo | None:
    if not isinstance(value, dict):
        return None
    return ExceptionInfo(*(str(value.get(key, "")) for key in ("type", "message", "stacktrace")))


def _code(source: Any, function: Any) -> CodeRef | None:
    found = _SOURCE.fullmatch(str(source))
    return CodeRef(found[1], str(function or ""), int(found[2])) if found else None
