"""Where each signal's lines are in the segments: found out once, for all signals."""

import contextlib
import os
import re
from array import array
from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from otel_mmlog.core.line_check import DamagedLineError, checked, fits, without_check
from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender import journal_lines
from otel_mmlog.sender.journal_lines import NotARequestError, parsed_signal_of, signal_of
from otel_mmlog.sender.segment_files import SegmentFile, opened
from otel_mmlog.sender.types import SIGNALS, Signal

CHUNK_BYTES: Final = 1024 * 1024
"""Longer lines are skipped; a journal's are shorter than half of this."""

_MAX_LINES: Final = 250_000
"""Lines whose place is remembered; each takes eight bytes."""

_MAX_CHUNKS: Final = 5_000

_HEADS: Final = re.compile(rb'\{"resource(?:Metrics|Logs|Spans)":\[')
"""How lines begin; no text in one can hold this, since its quotes are escaped there."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a segment.

    Attributes:
        start: Offset of the first line in the segment.
        end: Offset behind the last one.
        starts: Where each line with items begins, by signal, in bytes from ``start``.
        ends: The same for where it ends.
        skipped: Offsets in the segment behind lines that are torn, corrupt or too long.
    """

    start: int
    end: int
    starts: "Mapping[Signal, array[int]]"
    ends: "Mapping[Signal, array[int]]"
    skipped: tuple[int, ...]

    def __len__(self) -> int:
        """How many lines it knows the place of."""
        return sum(map(len, self.starts.values()))


class Chunks:
    """Sorts the lines of segments into signals and remembers what is where, but not the lines.

    A signal that is far behind the others reads for itself later, and nothing piles up for it.

    Attributes:
        sorted_bytes: How much was sorted.
        read_bytes: How much was read, which is more: each signal reads its own lines.
    """

    def __init__(self) -> None:
        self._known: dict[SegmentName, list[Chunk]] = {}
        self._lines = 0
        self._chunks = 0
        self._last: tuple[SegmentName, int, bytes] | None = None
        self.sorted_bytes = 0
        self.read_bytes = 0

    def at(self, file: SegmentFile, offset: int) -> Chunk | None:
        """The chunk with the line that begins at an offset; None if no whole line does yet.

        Raises:
            OSError: The file cannot be read.
        """
        known = self._known.get(file.name, [])
        index = bisect_right(known, offset, key=_start) - 1
        if index >= 0 and offset < known[index].end:
            return known[index]
        chunk = self._sort_next(file, offset)
        if chunk is not None:
            self._known.setdefault(file.name, []).insert(index + 1, chunk)
            self._lines += len(chunk)
            self._chunks += 1
            self._bound()
        return chunk

    def lines(
        self, file: SegmentFile, chunk: Chunk, signal: Signal, offset: int
    ) -> Iterator[tuple[bytes, int]]:
        """A signal's lines from an offset on, each with the offset behind it.

        Raises:
            OSError: The file cannot be read, or is shorter than it was.
        """
        starts, ends = chunk.starts[signal], chunk.ends[signal]
        first = bisect_right(ends, offset - chunk.start)
        if first == len(ends):
            return iter(())
        data = self._data(file, chunk)
        places = zip(starts[first:], ends[first:], strict=True)
        return ((without_check(data[start:end]), chunk.start + end) for start, end in places)

    def forget(self, name: SegmentName) -> None:
        """Forget a segment: it is gone, or to be read anew."""
        known = self._known.pop(name, [])
        self._lines -= sum(map(len, known))
        self._chunks -= len(known)
        if self._last is not None and self._last[0] == name:
            self._last = None

    def keep_only(self, names: Container[SegmentName]) -> None:
        """Forget all other segments."""
        for name in [name for name in self._known if name not in names]:
            self.forget(name)

    def _bound(self) -> None:
        while self._lines > _MAX_LINES or self._chunks > _MAX_CHUNKS:
            self.forget(next(iter(self._known)))

    def _data(self, file: SegmentFile, chunk: Chunk) -> bytes:
        if self._last is not None and self._last[:2] == (file.name, chunk.start):
            return self._last[2]
        size_bytes = chunk.end - chunk.start
        with opened(file) as fd:
            data = os.pread(fd, size_bytes, chunk.start)
        if len(data) != size_bytes:
            raise OSError(f"{file.path} is shorter than it was")
        self.read_bytes += size_bytes
        self._last = (file.name, chunk.start, data)
        return data

    def _sort_next(self, file: SegmentFile, offset: int) -> Chunk | None:
        with opened(file) as fd:
            data = os.pread(fd, CHUNK_BYTES, offset)
            self.read_bytes += len(data)
            whole = data.rfind(b"\n") + 1
            if whole:
                data = data[:whole]
                self.sorted_bytes += whole
                self._last = (file.name, offset, data)
                return _sort(data, offset)
            end = offset + len(data)
            is_whole = False
            if len(data) == CHUNK_BYTES:
                end, is_whole = _line_end(fd, end)
            # The rest of a file that grows is the beginning of a line; that of another is torn.
            if is_whole or (data and file.is_final):
                return _chunk(offset, end, (end,))
        return None


def _start(chunk: Chunk) -> int:
    return chunk.start


def _line_end(fd: int, offset: int) -> tuple[int, bool]:
    """The offset behind the newline that comes next, or that of the end of the file and False."""
    while data := os.pread(fd, CHUNK_BYTES, offset):
        newline = data.find(b"\n")
        if newline >= 0:
            return offset + newline + 1, True
        offset += len(data)
    return offset, False


def _chunk(start: int, end: int, skipped: tuple[int, ...]) -> Chunk:
    """A chunk without a line."""
    nothing = {signal: array("I") for signal in SIGNALS}
    return Chunk(start, end, nothing, nothing, skipped)


def _sort(data: bytes, offset: int) -> Chunk:
    places: dict[Signal, tuple[array[int], array[int]]] = {s: (array("I"), array("I")) for s in SIGNALS}
    skipped: list[int] = []
    all_text = journal_lines.is_text(data)
    end = 0
    for line in BytesIO(data).readlines():
        start, end = end, end + len(line)
        try:
            signal = _checked_signal_of(line, is_text=all_text)
        except NotARequestError:
            if line != b"\n":  # a writer begins with one after a write that failed
                skipped.append(offset + end)
            signal, start = _hidden(line, start)
        if signal is not None:
            starts, ends = places[signal]
            starts.append(start)
            ends.append(end)
    return Chunk(
        offset,
        offset + end,
        {signal: starts for signal, (starts, _) in places.items()},
        {signal: ends for signal, (_, ends) in places.items()},
        tuple(skipped),
    )


def _checked_signal_of(line: bytes, *, is_text: bool) -> Signal | None:
    if not (is_text or journal_lines.is_text(line)):
        raise NotARequestError("not text")
    try:
        whole = checked(line)
    except DamagedLineError as error:
        raise NotARequestError(str(error)) from None
    return signal_of(whole) if len(whole) < len(line) else parsed_signal_of(whole)


def _hidden(line: bytes, start: int) -> tuple[Signal | None, int]:
    """The whole line at the end of a damaged one, where the newline between them was hit: its signal and its start."""
    for head in _HEADS.finditer(line, 1):
        rest = line[head.start() :]
        if fits(rest):
            with contextlib.suppress(NotARequestError):  # as it was written, which may be anything
                return _checked_signal_of(rest, is_text=False), start + head.start()
    return None, start
