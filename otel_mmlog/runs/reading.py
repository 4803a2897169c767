"""Lines of files that may be long and may still grow: from the start, from the end, from the middle."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

Skips = Callable[[bytes], bool]
"""Whether none of the lines of a block is wanted, all of them whole, the last one without its newline."""

_BLOCK_BYTES = 1 << 16  # of longer blocks memory comes anew from the system, each time
_MAX_LINE_BYTES = 1 << 24
_NEAR_BYTES = 1 << 12


def lines_from(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield the whole lines that begin from `start` on and before `stop`, without their newlines.

    Args:
        path: The file.
        start: Offset of the beginning of a line.
        stop: An offset, or None for the end of the file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(start)
        at = start
        for line in file:
            if (stop is not None and at >= stop) or not line.endswith(b"\n"):
                return
            at += len(line)
            yield line[:-1]


def last_lines(
    path: Path, start: int = 0, stop: int | None = None, skips: Skips | None = None
) -> Iterator[bytes]:
    """Yield the whole lines between two offsets, the last one first; reads no more than it has to.

    Args:
        path: The file.
        start: Offset of the beginning of a line.
        stop: An offset, or None for the end of the file.
        skips: Whether none of some lines is wanted; it may be asked, or not.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        at = os.fstat(file.fileno()).st_size if stop is None else stop
        rest = b""
        is_torn = True  # what is behind the last newline is no line yet
        while at > start:
            size = min(_BLOCK_BYTES, at - start)
            at -= size
            first, newline, others = (_read_at(file, at, size) + rest).partition(b"\n")
            rest = first if len(first) < _MAX_LINE_BYTES else b""
            if not newline or (skips is not None and not is_torn and skips(others)):
                continue
            for line in reversed(others.split(b"\n")):
                if not is_torn:
                    yield line
                is_torn = False
        if not is_torn:
            yield rest


def line_at(file: BinaryIO, offset: int) -> tuple[int, bytes]:
    """Return the first whole line that begins at or behind an offset, and where it begins; empty at the end."""
    file.seek(max(0, offset - 1))
    if offset:
        file.readline()
    at = file.tell()
    line = file.readline()
    return at, line[:-1] if line.endswith(b"\n") else b""


def first_where(
    path: Path, start: int, stop: int | None, is_behind: Callable[[bytes], bool | None]
) -> tuple[int, bytes]:
    """Return the first line behind a border, and its offset; empty, and the end, if there is none.

    Looks at few lines, however long the file is.

    Args:
        path: The file.
        start: Offset of the beginning of a line.
        stop: An offset, or None for the end of the file.
        is_behind: Whether a line is behind the border, as are then all that follow; None if it does not tell.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size if stop is None else stop
        found = end, b""
        low, high = start, end
        while high - low > _NEAR_BYTES:
            middle = (low + high) // 2
            at, line, told = _first_told(file, middle, high, is_behind)
            if told is False:
                low = at + len(line) + 1
            else:
                high = middle
                found = (at, line) if told else found
        at, line, told = _first_told(file, low, high, lambda line: is_behind(line) or None)
        return (at, line) if told else found


def lines_with(
    path: Path, needle: bytes | tuple[bytes, ...], start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Yield the whole lines between two offsets that hold some bytes, as fast as the disk gives them.

    Args:
        path: The file.
        needle: The bytes; of several, lines of one block come by needle, and a line with two of them twice.
        start: Offset of the beginning of a line.
        stop: An offset, or None for the end of the file.

    Raises:
        OSError: The file cannot be read.
    """
    needles = needle if isinstance(needle, tuple) else (needle,)
    for block in whole_blocks(path, start, stop):
        for each in needles:
            yield from _hits(block, each)


def whole_blocks(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield the whole lines between two offsets, many at once, each with its newline.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(start)
        left = (os.fstat(file.fileno()).st_size if stop is None else stop) - start
        rest = b""
        while left > 0:
            block = file.read(min(_BLOCK_BYTES, left))
            if not block:
                return
            left -= len(block)
            end = block.rfind(b"\n") + 1
            if end:
                yield rest + block[:end]
            rest = block[end:] if end else rest + block
            rest = rest if len(rest) < _MAX_LINE_BYTES else b""


def _hits(block: bytes, needle: bytes) -> Iterator[bytes]:
    """Yield the lines of a block of whole lines that hold some bytes."""
    found = block.find(needle)
    while found >= 0:
        stop = block.find(b"\n", found)
        yield block[block.rfind(b"\n", 0, found) + 1 : stop]
        found = block.find(needle, stop)


def _first_told(
    file: BinaryIO, offset: int, stop: int, is_behind: Callable[[bytes], bool | None]
) -> tuple[int, bytes, bool | None]:
    """The first whole line that begins between two offsets and of which something is told, and what."""
    at, line = line_at(file, offset)
    while at < stop and (line or at != file.tell()):
        told = is_behind(line)
        if told is not None:
            return at, line, told
        at = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            break
        line = line[:-1]
    return stop, b"", None


def _read_at(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
