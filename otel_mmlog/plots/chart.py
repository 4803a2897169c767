"""What a picture shows, before anything is drawn: panels of curves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
XKind = Literal["step", "epoch", "time", "wall"]

SHAPES: Final = {"NaN": "x", "Inf": "^", "-Inf": "v"}
"""How what is not finite is marked; what is ``-Inf`` at the lower edge."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One scalar of one run.

    Attributes:
        run: Index into the chart's labels.
        x: Shape (N,), in units of the chart's x axis, never falling.
        y: Shape (N,); NaN where there is nothing to draw.
        raw: Shape (N,), before smoothing; None if `y` is not smoothed.
        low: Shape (N,), lowest of the ranks; None for one rank.
        high: Shape (N,), highest of the ranks; None for one rank.
        odd: ``NaN``, ``Inf`` and ``-Inf`` -> the x where they stand.
        odd_left_out: How many more there are of each kind, near those.
        odd_step: Iteration of the first of them; None if there is none.
        last: Last value, finite or not.
    """

    run: int
    x: Floats
    y: Floats
    raw: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    odd: dict[str, Floats] = field(default_factory=dict)
    odd_left_out: Mapping[str, int] = field(default_factory=dict)
    odd_step: int | None = None
    last: float = float("nan")

    def odd_counts(self) -> dict[str, int]:
        """How often each kind of what is not finite occurs, the kinds that do."""
        return {kind: len(where) + self.odd_left_out.get(kind, 0) for kind, where in self.odd.items()}


@dataclass(frozen=True, slots=True)
class Panel:
    """The curves of one scalar.

    Attributes:
        name: ``train/loss``.
        unit: As people write it, or empty.
        curves: In the order of the runs that have the scalar.
    """

    name: str
    unit: str
    curves: tuple[Curve, ...]

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def odd_counts(self) -> dict[str, int]:
        """How often each kind of what is not finite occurs, the kinds that do."""
        counts = {kind: sum(curve.odd_counts().get(kind, 0) for curve in self.curves) for kind in SHAPES}
        return {kind: count for kind, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture.

    Attributes:
        panels: One a scalar.
        labels: Of the runs.
        values: Of the one number in which the runs differ, by run; None if there is no such.
        x_kind: What stands on the x axis.
        x_label: It in words, with its unit.
        title: Above it; empty for none.
        is_log: Whether the y axes are logarithmic.
        smoothing: Weight of the moving average; 0 for none.
        ranks: Over how many ranks the bands go, 0 if there are none.
        zone: In which times are told, where they are the clock's.
    """

    panels: tuple[Panel, ...]
    labels: tuple[str, ...]
    values: tuple[float, ...] | None
    x_kind: XKind
    x_label: str
    title: str = ""
    is_log: bool = False
    smoothing: float = 0.0
    ranks: int = 0
    zone: tzinfo = timezone.utc
