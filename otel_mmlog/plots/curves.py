"""Makes curves of series: over one rank or many, smoothed, with what is not finite set apart."""

from collections.abc import Sequence

import numpy as np

from otel_mmlog.plots.chart import Curve, Floats
from otel_mmlog.runs.series import Series
from otel_mmlog.runs.smoothing import smoothed

_BINS = 1000
_LARGEST = 1e300


def curve_of(run: int, series: Series, x: Floats, weight: float) -> Curve:
    """Return the curve of one rank.

    Args:
        run: Index of the run.
        series: What the rank logged.
        x: Where its values stand, shape (N,).
        weight: Of the smoothing, 0 for none.
    """
    values = np.array(series.values, dtype=np.float64)
    odd, odd_step = _odd([series], [x])
    order = np.argsort(x, kind="stable")  # a step may be logged behind later ones
    x, y = x[order], _drawn(values[order])
    line = smoothed(y, weight) if weight else y
    last = float(values[-1]) if len(values) else float("nan")
    return Curve(run, x, line, y if weight else None, odd=odd, odd_step=odd_step, last=last)


def band_of(run: int, ranks: Sequence[Series], xs: Sequence[Floats], weight: float) -> Curve:
    """Return the median over ranks, with the lowest and the highest at each step.

    Ranks that were too long to be read whole have different steps: they are laid together by intervals of steps.

    Args:
        run: Index of the run.
        ranks: One a rank, none of them empty.
        xs: Where their values stand, as many.
        weight: Of the smoothing, 0 for none.
    """
    steps = [np.array(series.steps, dtype=np.float64) for series in ranks]
    places = np.unique(np.concatenate(steps))
    if any(series.is_sampled for series in ranks):
        places = np.linspace(places[0], places[-1], min(_BINS, len(places)))
    values = np.full((len(ranks), len(places)), np.nan)
    x = np.full(len(places), np.inf)
    for row, (series, own_steps, own_x) in enumerate(zip(ranks, steps, xs, strict=True)):
        at = np.searchsorted(places, own_steps)
        values[row, at] = _drawn(np.array(series.values, dtype=np.float64))
        x[at] = np.minimum(x[at], own_x)
    is_there = np.isfinite(x)
    values, x = values[:, is_there], np.maximum.accumulate(x[is_there])
    low, middle, high = (smoothed(each, weight) if weight else each for each in _spread(values))
    odd, odd_step = _odd(ranks, xs)
    last = float(np.median([series.values[-1] for series in ranks]))
    return Curve(run, x, middle, None, low, high, odd, odd_step, last)


def _spread(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest, median and highest of each column; NaN where a column has nothing."""
    result = np.full((3, values.shape[1]), np.nan)
    has_any = np.isfinite(values).any(axis=0)
    some = values[:, has_any]
    if some.size:
        result[:, has_any] = np.nanmin(some, axis=0), np.nanmedian(some, axis=0), np.nanmax(some, axis=0)
    return result[0], result[1], result[2]


def _drawn(values: Floats) -> Floats:
    """Values without those that are not finite; the largest are drawn a little lower, since axes reach beyond them."""
    return np.clip(np.where(np.isfinite(values), values, np.nan), -_LARGEST, _LARGEST)


def _odd(ranks: Sequence[Series], xs: Sequence[Floats]) -> tuple[dict[str, Floats], int | None]:
    """Where what is not finite stands, by its kind, and the first iteration of it."""
    values = np.concatenate([np.array(series.values, dtype=np.float64) for series in ranks])
    steps = np.concatenate([np.array(series.steps, dtype=np.int64) for series in ranks])
    x = np.concatenate(list(xs))
    kinds = {"NaN": np.isnan(values), "Inf": values == np.inf, "-Inf": values == -np.inf}
    odd = {kind: x[is_it] for kind, is_it in kinds.items() if is_it.any()}
    is_odd = ~np.isfinite(values)
    return odd, int(steps[is_odd].min()) if is_odd.any() else None


def thinned(x: Floats, y: Floats, most: int) -> tuple[Floats, Floats]:
    """Return fewer points that look the same: of each interval its lowest and its highest, and gaps as gaps.

    Args:
        x: Shape (N,).
        y: Shape (N,), NaN for a gap.
        most: About how many points may remain.
    """
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), max(2, most // 2) + 1).astype(np.int64)
    is_nan = np.isnan(y)
    kept: set[int] = {0, len(x) - 1}
    lows, highs = np.where(is_nan, np.inf, y), np.where(is_nan, -np.inf, y)
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        kept.add(start + int(lows[start:stop].argmin()))
        kept.add(start + int(highs[start:stop].argmax()))
        if is_nan[start:stop].any():
            kept.add(start + int(is_nan[start:stop].argmax()))
    at = np.array(sorted(kept))
    return x[at], y[at]
