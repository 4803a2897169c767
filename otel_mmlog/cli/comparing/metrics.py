"""A metric of two runs side by side, and whether the second is worse."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from otel_mmlog.cli.showing.best import Direction, guess_direction
from otel_mmlog.runs.series import Series, is_finite

How = Literal["max", "min", "last"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much worse is not worse yet.

    Attributes:
        amount: At least 0.
        is_relative: Whether it is a share of the first run's value.
    """

    amount: float = 0.0
    is_relative: bool = True

    def allows(self, loss: float, value: float) -> bool:
        """Whether a value may become worse by so much; rounding of the last digits never counts."""
        limit = self.amount * abs(value) if self.is_relative else self.amount
        return loss <= limit or math.isclose(loss, limit, rel_tol=1e-9, abs_tol=1e-12 * abs(value))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run says of a metric.

    Attributes:
        last: Its last value, finite or not.
        last_iter: Where that was.
        best: Its best finite value; NaN if none is finite.
        best_iter: Where that was first; None without one.
        odd: How many values are NaN or infinite.
    """

    last: float
    last_iter: int
    best: float
    best_iter: int | None
    odd: int


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of two runs.

    Attributes:
        name: ``val/accuracy``.
        direction: Which is better.
        how: Which value counts: the best, or the last.
        a: Of the first run.
        b: Of the second.
        is_checked: Whether the user named it.
        is_worse: Whether the second run is worse by more than is allowed; False for one that is not checked.
    """

    name: str
    direction: Direction
    how: How
    a: Measured
    b: Measured
    is_checked: bool
    is_worse: bool


def metric_of(
    name: str, pair: tuple[Series, Series], how: How | None, tolerance: Tolerance, *, is_checked: bool
) -> Metric:
    """Return a metric of two runs.

    Args:
        name: Its name.
        pair: Its values in both.
        how: Which value counts; None for the best, by a guess at what is better.
        tolerance: How much worse is allowed.
        is_checked: Whether it is to be judged at all.
    """
    guess = guess_direction(name)
    direction: Direction = "max" if how == "max" else "min" if how == "min" else guess
    a, b = (_measured(series, direction) for series in pair)
    values = (a.last, b.last) if how == "last" else (a.best, b.best)
    is_worse = is_checked and _is_worse(*values, direction, tolerance)
    return Metric(name, direction, how or direction, a, b, is_checked, is_worse)


def common(found: Sequence[Mapping[str, Series]]) -> list[str]:
    """Return the names that both runs have, the training's first."""
    names = set(found[0]) & set(found[1])
    return sorted(names, key=lambda name: (not name.startswith("train/"), name))


def _is_worse(a: float, b: float, direction: Direction, tolerance: Tolerance) -> bool:
    if math.isnan(a) or a == b:
        return False
    if math.isnan(b):
        return True
    loss = a - b if direction == "max" else b - a
    if not (is_finite(a) and is_finite(b)):
        return loss > 0
    return loss > 0 and not tolerance.allows(loss, a)


def _measured(series: Series, direction: Direction) -> Measured:
    finite = [(value, at) for value, at in zip(series.values, series.steps, strict=True) if is_finite(value)]
    pick = max if direction == "max" else min
    best, best_iter = pick(finite, key=lambda pair: pair[0]) if finite else (math.nan, None)
    odd = len(series) - len(finite) + sum(series.left_out.values())
    return Measured(series.values[-1], series.steps[-1], best, best_iter, odd)
