"""What has been written so far, merged by time: the last lines, or all since some time, in little memory."""

import contextlib
import heapq
import itertools
import resource
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from otel_mmlog.cli.tailing.files import LogFile
from otel_mmlog.cli.tailing.lines import Line, json_lines, skips_blocks, text_lines
from otel_mmlog.cli.tailing.wants import Wants
from otel_mmlog.runs.dated import time_of
from otel_mmlog.runs.entries import parse_entry
from otel_mmlog.runs.reading import first_where, last_lines, lines_from, whole_blocks

_SPARE_FILES = 64

Ends = Mapping[LogFile, int]
"""Of each file, how much of it is looked at: up to behind a newline."""


def whole_bytes(path: Path) -> int:
    """Return the size of a file up to its last newline.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        at = file.seek(0, 2)
        while at > 0:
            size = min(1 << 16, at)
            at = file.seek(at - size)
            found = file.read(size).rfind(b"\n")
            if found >= 0:
                return at + found + 1
    return 0


def last_of_all(ends: Ends, count: int, wants: Wants) -> list[Line]:
    """Return the last lines that are wanted, oldest first.

    Raises:
        OSError: A file cannot be read.
    """
    allow_files(len(ends))
    backwards = [_backwards(file, end, wants) for file, end in ends.items()]
    merged = heapq.merge(*backwards, key=_order, reverse=True)
    return list(itertools.islice(filter(wants.fits, merged), count))[::-1]


def all_since(ends: Ends, wants: Wants) -> Iterator[Line]:
    """Yield all lines that are wanted, oldest first.

    Raises:
        OSError: A file cannot be read.
    """
    allow_files(len(ends))
    merged = heapq.merge(*(_forwards(file, end, wants) for file, end in ends.items()), key=_order)
    return filter(wants.fits, merged)


def parsed(lines: Iterable[bytes], file: LogFile, wants: Wants) -> Iterator[Line]:
    """Yield what the lines of a file say, in their order."""
    if file.is_json:
        return json_lines(lines, wants.least, wants.pattern)
    return text_lines(lines, file.rank)


def in_order(lines: Iterable[Line]) -> list[Line]:
    """Return lines by time."""
    return sorted(lines, key=_order)


def allow_files(count: int) -> None:
    """Let this process open so many files, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _order(line: Line) -> tuple[float, int, int]:
    return line.time_s, line.rank, line.seq


def _backwards(file: LogFile, end: int, wants: Wants) -> Iterator[Line]:
    if file.is_json:
        lines = last_lines(file.path, 0, end, skips_blocks(wants.least, wants.pattern))
        found = json_lines(lines, wants.least, wants.pattern)
    else:
        found = text_lines(last_lines(file.path, 0, end), file.rank, last_first=True)
    since_s = wants.since_s
    return found if since_s is None else itertools.takewhile(lambda line: line.time_s >= since_s, found)


def _forwards(file: LogFile, end: int, wants: Wants) -> Iterator[Line]:
    since_s = wants.since_s
    if since_s is None:
        return parsed(_lines(file, 0, end, wants), file, wants)

    def is_behind(line: bytes) -> bool | None:
        time_s = _json_time(line) if file.is_json else time_of(line)
        return None if time_s is None else time_s >= since_s

    start, _ = first_where(file.path, 0, end, is_behind)
    return parsed(_lines(file, start, end, wants), file, wants)


def _lines(file: LogFile, start: int, end: int, wants: Wants) -> Iterator[bytes]:
    """The lines of a file, without some of those that are not wanted."""
    skips = skips_blocks(wants.least, wants.pattern) if file.is_json else None
    if skips is None:
        return lines_from(file.path, start, end)
    blocks = (block[:-1] for block in whole_blocks(file.path, start, end))
    return (line for block in blocks if not skips(block) for line in block.split(b"\n"))


def _json_time(line: bytes) -> float | None:
    entry = parse_entry(line)
    return None if entry is None else entry.time_s
