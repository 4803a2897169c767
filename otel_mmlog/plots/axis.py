"""Where the values of a series stand on the x axis."""

from collections.abc import Iterable

import numpy as np

from otel_mmlog.plots.chart import Floats, XKind
from otel_mmlog.runs.series import Series

_TIME_UNITS = ((172_800.0, "d", 86_400.0), (7_200.0, "h", 3600.0), (180.0, "min", 60.0), (0.0, "s", 1.0))


def epoch_ends(series: Iterable[Series]) -> list[tuple[int, float]]:
    """Return at which iteration which epoch ends, the begin of the first included.

    Args:
        series: All that one rank has logged; the more of it, the closer to the true end of each epoch.
    """
    last: dict[int, int] = {}
    for each in series:
        for epoch, step in zip(each.epochs, each.steps, strict=True):
            last[epoch] = max(step, last.get(epoch, 0))
    epochs = sorted(epoch for epoch in last if epoch > 0)
    if not epochs:
        return []
    ends = [(0 if epochs[0] == 1 else last[epochs[0]] - 1, epochs[0] - 1.0)]
    ends += [(last[epoch], float(epoch)) for epoch in epochs]
    if len(epochs) > 1 and epochs[-1] == epochs[-2] + 1:  # the last one may not be over yet
        length = last[epochs[-2]] - ends[-3][0]
        ends[-1] = max(last[epochs[-1]], last[epochs[-2]] + length), float(epochs[-1])
    return ends


def x_values(series: Series, kind: XKind, began_s: float, ends: list[tuple[int, float]]) -> Floats:
    """Return where each value of a series stands: iterations, epochs, seconds, or Unix time."""
    if kind == "step":
        return np.array(series.steps, dtype=np.float64)
    if kind == "epoch":
        steps, epochs = zip(*ends, strict=True) if ends else ((0,), (0.0,))
        return np.asarray(np.interp(series.steps, steps, epochs), dtype=np.float64)
    times = np.array(series.times_s, dtype=np.float64)
    return np.maximum.accumulate(times - began_s if kind == "time" else times)


def time_unit(longest_s: float) -> tuple[str, float]:
    """Return the unit in which people tell such a time, and how many seconds it has."""
    return next((unit, seconds) for least, unit, seconds in _TIME_UNITS if longest_s >= least)
