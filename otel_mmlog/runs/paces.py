"""The ranks of a run side by side: who is slow, since when, and what it costs to wait for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otel_mmlog.runs.step_times import StepTimes

Array = NDArray[np.float64]

BINS: Final = 400
"""Intervals into which the steps of long runs are put together, where not every record was read."""

_TOGETHER: Final = 0.02
_CHUNKS: Final = 8
_SMOOTHED: Final = 5
_LEAST: Final = 3


@dataclass(frozen=True, slots=True)
class Paces:
    """Times of all ranks at the same steps; NaN where a rank has none.

    Attributes:
        ranks: What the rows are.
        steps: The last step of each column's interval, shape (columns,).
        widths: How many steps each interval has, shape (columns,).
        times_s: Seconds of a step, shape (ranks, columns).
        data_times_s: Of which the rank waited for its data, same shape.
    """

    ranks: list[int]
    steps: NDArray[np.int64]
    widths: NDArray[np.int64]
    times_s: Array
    data_times_s: Array

    @property
    def median_s(self) -> Array:
        """The median rank's seconds of a step, of two the faster one's, shape (columns,)."""
        return _median(self.times_s)

    @property
    def total_s(self) -> float:
        """What all steps took: as long as the slowest rank's."""
        return float(np.sum(self.widths * np.nanmax(self.times_s, axis=0)))

    @property
    def is_together(self) -> bool:
        """Whether ranks wait for each other, so that over some steps all take as long as the slowest."""
        chunks = np.array_split(np.arange(len(self.steps)), min(_CHUNKS, len(self.steps)))
        means = [_means(self.times_s[:, chunk]) for chunk in chunks]
        spreads = [np.nanmax(mean) / _median(mean[:, None])[0] - 1 for mean in means]
        return bool(np.median(spreads) < _TOGETHER)

    def excess(self) -> Array:
        """How much longer each rank takes than the median one: 0.1 for 10 %, shape (ranks, columns)."""
        excess: Array = self.times_s / self.median_s - 1
        return excess

    def data_excess(self) -> Array:
        """How much longer it waits for its data, as a share of the median rank's step."""
        excess: Array = (self.data_times_s - _median(self.data_times_s)) / self.median_s
        return excess

    def cost_s(self, *, data: bool) -> float:
        """Seconds that all ranks wait for the slowest one of each step: longest minus median, over the run."""
        seconds = self.data_times_s if data else self.times_s
        return float(np.sum(self.widths * (np.nanmax(seconds, axis=0) - _median(seconds))))


@dataclass(frozen=True, slots=True)
class Pace:
    """How one rank does beside the others.

    Attributes:
        rank: The rank.
        mean_s: Mean seconds of a step.
        median_s: The median.
        p95_s: What 95 % of its steps take at most.
        data_s: Mean seconds of which it waits for its data.
        slow_share: Share of its steps in which it is too slow.
        slowest_steps: Steps in which no rank was slower.
        since: First step of the longest time in which it was too slow all along; None if there is none.
        until: Its last step; None if there is none, or if it lasts to the end.
    """

    rank: int
    mean_s: float
    median_s: float
    p95_s: float
    data_s: float
    slow_share: float
    slowest_steps: int
    since: int | None
    until: int | None


def side_by_side(all_times: Sequence[StepTimes]) -> Paces:
    """Put the times of ranks into columns of equal steps; only those that two ranks have at least.

    Args:
        all_times: One for each rank, two of them at least.

    Raises:
        ValueError: No two ranks have a step in common.
    """
    if any(times.is_sampled for times in all_times):
        steps, widths, columns = _binned(all_times)
    else:
        steps = np.unique(np.concatenate([np.asarray(times.steps, np.int64) for times in all_times]))
        columns = [np.searchsorted(steps, times.steps) for times in all_times]
        widths = _widths(steps)
    matrices = [
        np.stack([_row(values, at, len(steps)) for values, at in zip(of, columns, strict=True)])
        for of in ([each.times_s for each in all_times], [each.data_times_s for each in all_times])
    ]
    is_shared = np.sum(np.isfinite(matrices[0]), axis=0) >= min(2, len(all_times))
    if not is_shared.any():
        raise ValueError("no two ranks have a step in common")
    times_s, data_times_s = (matrix[:, is_shared] for matrix in matrices)
    ranks = [times.rank for times in all_times]
    return Paces(ranks, steps[is_shared], widths[is_shared], times_s, data_times_s)


def pace_of_each(paces: Paces, over: float) -> list[Pace]:
    """Return how each rank does, in the order of the rows.

    Args:
        paces: The times.
        over: How much longer than the median is too slow: 0.1 for 10 %.
    """
    excess = np.nan_to_num(np.fmax(paces.excess(), paces.data_excess()), nan=0.0)
    slowest = np.argmax(np.nan_to_num(paces.times_s, nan=-1.0), axis=0)
    return [
        _pace(paces, row, excess[row] > over, _smoothed(excess[row]) > over, slowest)
        for row in range(len(paces.ranks))
    ]


def _pace(paces: Paces, row: int, is_slow: Any, is_slow_on: Any, slowest: Any) -> Pace:
    is_there = np.isfinite(paces.times_s[row])
    times, widths = paces.times_s[row][is_there], paces.widths[is_there]
    data = paces.data_times_s[row][is_there]
    total = max(1, int(widths.sum()))
    since, until = _longest(is_slow_on, paces)
    if not times.size:
        times = data = np.full(1, np.nan)
        widths = np.ones(1, np.int64)
    return Pace(
        rank=paces.ranks[row],
        mean_s=float(np.average(times, weights=widths)),
        median_s=float(np.median(times)),
        p95_s=float(np.percentile(times, 95)),
        data_s=float(np.average(data, weights=widths)),
        slow_share=float(paces.widths[is_slow].sum()) / total,
        slowest_steps=int(paces.widths[slowest == row].sum()),
        since=since,
        until=until,
    )


def _longest(is_slow: NDArray[np.bool_], paces: Paces) -> tuple[int | None, int | None]:
    """First and last step of the longest stretch, of equal ones the latest; no last one if it reaches the end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_slow, [False]]).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    lengths = stops - starts
    if not len(starts) or lengths.max() < min(_LEAST, len(is_slow)):
        return None, None
    longest = int(np.flatnonzero(lengths == lengths.max())[-1])
    start, stop = int(starts[longest]), int(stops[longest])
    first = int(paces.steps[start] - paces.widths[start]) + 1
    return first, None if stop == len(is_slow) else int(paces.steps[stop - 1])


def _smoothed(values: Array) -> Array:
    """Each value's median with its neighbours': a single slow step is no habit, a single fast one no end of it."""
    half = _SMOOTHED // 2
    padded = np.pad(values, half, mode="edge")
    medians: Array = np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED), axis=1)
    return medians


def _median(matrix: Array) -> Array:
    """The lower median of each column, so that of two ranks the slow one is not half of its own measure."""
    ordered = np.sort(matrix, axis=0)  # NaN last
    count = np.sum(np.isfinite(matrix), axis=0)
    middle: Array = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None, :] // 2, axis=0)[0]
    return middle


def _widths(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Steps from one record to the next; where records are missing the usual number."""
    gaps = np.diff(steps)
    usual = int(np.median(gaps)) if len(gaps) else int(steps[0])
    all_gaps = np.concatenate([[min(usual, int(steps[0]))], gaps]).astype(np.int64)
    widths: NDArray[np.int64] = np.minimum(all_gaps, max(1, usual))
    return widths


def _binned(
    all_times: Sequence[StepTimes],
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.int64]]]:
    """Intervals of equal length, and the one that each record of each rank falls into."""
    last = max(times.steps[-1] for times in all_times if times.steps)
    edges = np.unique(np.linspace(0, last, BINS + 1).astype(np.int64))
    columns = [np.searchsorted(edges[1:], times.steps).astype(np.int64) for times in all_times]
    return edges[1:], np.diff(edges), columns


def _means(matrix: Array) -> Array:
    """The mean of each row; NaN for one without values."""
    is_there = np.isfinite(matrix)
    counts = is_there.sum(axis=1)
    sums = np.where(is_there, matrix, 0.0).sum(axis=1)
    means: Array = np.divide(sums, counts, out=np.full(len(matrix), np.nan), where=counts > 0)
    return means


def _row(values: Sequence[float], columns: NDArray[np.int64], count: int) -> Array:
    """Means of the values that fall into each column; NaN where there are none."""
    sums = np.bincount(columns, weights=values, minlength=count)
    counts = np.bincount(columns, minlength=count)
    row: Array = np.divide(sums, counts, out=np.full(count, np.nan), where=counts > 0)
    return row
