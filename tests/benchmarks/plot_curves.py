"""Draws how cost grows: a panel a curve, both axes logarithmic, beside what linear or flat would be."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from tests.benchmarks.curves import Curve
from tests.benchmarks.harness import Spread
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS = "#0072B2"
THEIRS = "#D55E00"
GUIDE = "#777777"
_LEAST_RATIO = 300
"""Of a panel's upper and lower end, so that what is flat looks flat."""


def draw_curves(curves: Mapping[Curve, Sequence[tuple[int, Row]]], width_inches: float) -> Figure:
    """Return the picture of all curves that have points."""
    figure = Figure(figsize=(width_inches, 3.0), layout="constrained")
    for axes, (curve, points) in zip(
        figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True
    ):
        _draw(axes, curve, points)
    return figure


def _draw(axes: "Axes", curve: Curve, points: Sequence[tuple[int, Row]]) -> None:
    ours = [(x, row.ours) for x, row in points]
    theirs = [(x, row.theirs) for x, row in points if row.theirs]
    _line(axes, "otel_mmlog", ours, OURS, "o-")
    if theirs:
        _line(axes, points[0][1].peer, theirs, THEIRS, "s--")
    _guide(axes, curve, ours)
    _scale(axes, [x for x, _ in points])
    axes.set_title(curve.title, fontsize=9, loc="left", fontweight="bold")
    axes.set_xlabel(curve.x)
    axes.set_ylabel("µs of CPU" if points[0][1].unit == "us" else points[0][1].unit)
    axes.grid(visible=True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper left", handlelength=2.4)


def _line(axes: "Axes", name: str, points: Sequence[tuple[int, Spread]], color: str, style: str) -> None:
    xs = [x for x, _ in points]
    axes.plot(xs, [cost.median for _, cost in points], style, color=color, label=name, markersize=4.5)
    axes.vlines(
        xs, [cost.low for _, cost in points], [cost.high for _, cost in points], color=color, linewidth=0.9
    )


def _guide(axes: "Axes", curve: Curve, ours: Sequence[tuple[int, Spread]]) -> None:
    """What it would be if nothing but this cost anything, or if it cost nothing."""
    last_x, last = ours[-1]
    first_x, first = ours[0]
    ends = (first.median, first.median)
    if curve.growth == "linear":
        ends = (last.median * first_x / last_x, last.median)
    axes.plot((first_x, last_x), ends, ":", color=GUIDE, linewidth=1.2, label=curve.growth, zorder=1)


def _scale(axes: "Axes", xs: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    spare = max(1, _LEAST_RATIO / (high / low)) ** 0.5
    axes.set_ylim(low / spare, high * spare)
    axes.set_xticks(xs)
    axes.minorticks_off()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda number, _: f"{number:,g}")
