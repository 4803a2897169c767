"""Sorts samples by series and time on disk: memory stays small however many there are."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARRIVAL = np.dtype([("series", "<u4"), ("time_ms", "<i8"), ("value", "<f8")])
_SORTED = np.dtype([("time_ms", "<i8"), ("value", "<f8")])
CHUNK = 1 << 18

Times = NDArray[np.int64]
Values = NDArray[np.float64]


class SampleSpool:
    """Takes samples in any order and gives them back series by series.

    What it needs of memory: some megabytes, a few bytes a series, and the samples of the one series that it gives
    back. On disk: 36 bytes a sample.

    Args:
        folder: Where its temporary files go, which nobody else sees; None for the system's place.
        chunk: Samples that it works on at a time.
    """

    def __init__(self, folder: Path | None = None, chunk: int = CHUNK) -> None:
        self._arrivals, self._sorted = (
            tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` closes it
            for _ in range(2)
        )
        self._buffer = np.empty(chunk, _ARRIVAL)
        self._fill = 0
        self._counts = np.zeros(0, np.int64)
        self.size = 0

    def add(self, series: int, time_ms: int, value: float) -> None:
        """Take a sample.

        Raises:
            OSError: The disk is full.
        """
        self._buffer[self._fill] = (series, time_ms, value)
        self._fill += 1
        self.size += 1
        if self._fill == len(self._buffer):
            self._flush()

    def series(self, order: Sequence[int]) -> Iterator[tuple[int, Times, Values]]:
        """Yield each series of ``order``: its number, times that go up, and values; of equal times the first stays.

        Args:
            order: Every number that was added, once.

        Raises:
            OSError: The disk is full.
        """
        self._flush()
        counts = self._counts[np.asarray(order, np.int64)]
        ends = np.cumsum(counts)
        samples = self._distribute(order, ends - counts)
        for number, count, end in zip(order, counts, ends, strict=True):
            mine = samples[end - count : end]
            mine = mine[np.argsort(mine["time_ms"], kind="stable")]
            is_first = np.append(True, np.diff(mine["time_ms"]) != 0)[: len(mine)]
            yield number, mine["time_ms"][is_first], mine["value"][is_first]

    def close(self) -> None:
        """Give the disk back."""
        self._arrivals.close()
        self._sorted.close()

    def _flush(self) -> None:
        part = self._buffer[: self._fill]
        self._arrivals.write(part.tobytes())
        self._fill = 0
        counts = np.bincount(part["series"], minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts = counts

    def _distribute(self, order: Sequence[int], starts: NDArray[np.int64]) -> NDArray[Any]:
        """Put the samples of each series side by side, in the order of their arrival."""
        if not self.size:
            return np.empty(0, _SORTED)
        # Before anything is mapped: a full disk is an error here, and would be a signal that kills there.
        os.posix_fallocate(self._sorted.fileno(), 0, self.size * _SORTED.itemsize)
        samples = np.memmap(self._sorted, _SORTED, "r+", shape=(self.size,))
        free = np.zeros(len(self._counts), np.int64)
        free[np.asarray(order, np.int64)] = starts
        self._arrivals.seek(0)
        while data := self._arrivals.read(len(self._buffer) * _ARRIVAL.itemsize):
            part = np.frombuffer(data, _ARRIVAL)
            part = part[np.argsort(part["series"], kind="stable")]
            numbers, firsts, counts = np.unique(part["series"], return_index=True, return_counts=True)
            places = np.repeat(free[numbers] - firsts, counts) + np.arange(len(part))
            samples["time_ms"][places] = part["time_ms"]
            samples["value"][places] = part["value"]
            free[numbers] += counts
        return np.asarray(samples)
