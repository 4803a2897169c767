"""Makes curves of series: over one rank or many, smoothed, with what is not finite set apart."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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
    line = _smoothed(x, y, _is_even(series)[order], weight) if weight else y
    last = float(values[-1]) if len(values) else float("nan")
    raw = y if weight else None
    return Curve(run, x, line, raw, odd=odd, odd_left_out=series.left_out, odd_step=odd_step, last=last)


def band_of(run: int, ranks: Sequence[Series], xs: Sequence[Floats], weight: float) -> Curve:
    """Return the median over ranks, with the lowest and the highest at each step.

    Of long files different steps are there of each rank: they are laid together by intervals of steps.

    Args:
        run: Index of the run.
        ranks: One a rank, none of them empty.
        xs: Where their values stand, as many.
        weight: Of the smoothing, 0 for none.
    """
    steps = [np.array(series.steps, dtype=np.float64) for series in ranks]
    places = np.unique(np.concatenate(steps))
    if any(series.is_sampled or series.even_steps for series in ranks):
        places = np.linspace(places[0], places[-1], min(_BINS, len(places)))
    values = np.full((len(ranks), len(places)), np.nan)
    x, lowest, highest = (np.full(len(places), limit) for limit in (np.inf, np.nan, np.nan))
    for row, (series, own_steps, own_x) in enumerate(zip(ranks, steps, xs, strict=True)):
        at, own = np.searchsorted(places, own_steps), _drawn(np.array(series.values, dtype=np.float64))
        is_even = _is_even(series)
        values[row, at] = own
        values[row, at[is_even]] = own[is_even]
        np.fmin.at(lowest, at, own)
        np.fmax.at(highest, at, own)
        np.minimum.at(x, at, own_x)
    is_there = np.isfinite(x)
    x = np.maximum.accumulate(x[is_there])
    spread = (each[is_there] for each in (lowest, _middle(values), highest))
    low, middle, high = (smoothed(each, weight) if weight else each for each in spread)
    odd, odd_step = _odd(ranks, xs)
    more = sum((Counter(series.left_out) for series in ranks), Counter[str]())
    last = float(np.median([series.values[-1] for series in ranks]))
    return Curve(run, x, middle, None, low, high, odd, more, odd_step, last)


def _middle(values: Floats) -> Floats:
    """Median of each column; NaN where a column has nothing."""
    result = np.full(values.shape[1], np.nan)
    has_any = np.isfinite(values).any(axis=0)
    if has_any.any():
        result[has_any] = np.nanmedian(values[:, has_any], axis=0)
    return result


def _is_even(series: Series) -> npt.NDArray[np.bool_]:
    """Which values tell of the whole, and not of an extreme alone."""
    if not series.even_steps:
        return np.ones(len(series), dtype=np.bool_)
    return np.isin(series.steps, list(series.even_steps))


def _smoothed(x: Floats, y: Floats, is_even: npt.NDArray[np.bool_], weight: float) -> Floats:
    """Smooth a curve by the values at even distances, as if only they were there."""
    is_used = is_even & np.isfinite(y)
    if is_even.all() or not is_used.any():
        return smoothed(y, weight)
    line = np.interp(x, x[is_used], smoothed(y[is_used], weight))
    return np.where(np.isfinite(y), line, np.nan)


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
