"""Text lines that begin with a date, as MMEngine's own ``.log`` files have them; what follows one belongs to it."""

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from otel_mmlog.core.escape import escape

_HEAD = re.compile(rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) - (.+?) - ([A-Z]+) - ")
_MAX_LINES = 10_000


class Dated(NamedTuple):
    """A log call of a text file.

    Attributes:
        time_s: Unix time, whole seconds.
        level: ``INFO`` and so on.
        logger: Name of the logger.
        head: How the first line begins, up to the text: date, logger, level.
        lines: The text, its first line without the head.
    """

    time_s: float
    level: str
    logger: str
    head: str
    lines: tuple[str, ...]


def dated(lines: Iterable[bytes]) -> Iterator[Dated]:
    """Yield the log calls of lines in their order; what stands before the first date is left out."""
    block: list[bytes] = []
    for line in lines:
        if _HEAD.match(line):
            if block:
                yield _made(block)
            block = [line]
        elif block and len(block) < _MAX_LINES:
            block.append(line)
    if block:
        yield _made(block)


def last_dated(lines: Iterable[bytes]) -> Iterator[Dated]:
    """Yield the log calls of lines of which the last comes first, the last call first."""
    block: list[bytes] = []
    for line in lines:
        if len(block) < _MAX_LINES:
            block.append(line)
        if _HEAD.match(line):
            yield _made([line, *block[-2::-1]])
            block = []


def time_of(line: bytes) -> float | None:
    """Return the Unix time that a line begins with, or None."""
    head = _HEAD.match(line)
    return None if head is None else _unix_s(head[1].decode())


def text_of(call: Dated) -> str:
    """Return a log call as it is in the file, without characters that mean something to a terminal."""
    return "\n".join(map(escape, (call.head + call.lines[0], *call.lines[1:])))


def _made(block: list[bytes]) -> Dated:
    head = _HEAD.match(block[0])
    if head is None:  # the callers have looked
        return Dated(0.0, "INFO", "", "", tuple(line.decode("utf-8", "replace") for line in block))
    lines = [block[0][head.end() :], *block[1:]]
    stamp, logger, level = (head[number].decode("utf-8", "replace") for number in (1, 2, 3))
    texts = tuple(line.decode("utf-8", "replace") for line in lines)
    return Dated(_unix_s(stamp), level, logger, head[0].decode("utf-8", "replace"), texts)


@lru_cache(maxsize=1024)
def _unix_s(stamp: str) -> float:
    try:
        moment = datetime.strptime(stamp, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - MMEngine writes local time
        return time.mktime(moment.timetuple())
    except (ValueError, OverflowError):
        return 0.0
