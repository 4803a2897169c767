"""Draws what we cost against others: a bar a row, from "the same" on, logarithmic, with its spread and its target."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_INCHES = 0.19
_TOP_INCHES = 0.65
_BOTTOM_INCHES = 0.3
_CHAR = 0.0074
"""Width of a letter, of the picture's, as all that goes from left to right here."""
_NAME_CHARS = 44
_NAME, _END = 0.025, 0.87
"""Where names begin, and where bars end."""
_BARS: Mapping[bool | None, Mapping[str, Any]] = {
    True: {"facecolor": "#56B4E9", "edgecolor": "#56B4E9"},
    False: {"facecolor": "white", "edgecolor": "#D55E00", "hatch": "//////"},
    None: {"facecolor": "#C4C4C4", "edgecolor": "#C4C4C4"},
}
_WORDS = {True: "target met", False: "missed", None: "no target"}
_TARGET: Mapping[str, Any] = {"marker": "|", "color": "black", "markersize": 11, "markeredgewidth": 2}
_SPREAD: Mapping[str, Any] = {"color": "black", "linewidth": 0.9}


class _Columns(NamedTuple):
    """Where the names of peers begin, and the bars."""

    peer: float
    left: float

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "_Columns":
        """Return columns that are wide enough."""
        name = min(_NAME_CHARS, max(len(row.what) for row in rows))
        peer = _NAME + _CHAR * (name + 2)
        return cls(peer, peer + _CHAR * (max(len(row.peer) for row in rows) + 2))

    def write(self, axes: "Axes", x: float, y: int, text: str, **more: Any) -> None:
        """Write into a line, from `x` on."""
        x_of_axes = (x - self.left) / (_END - self.left)
        axes.text(x_of_axes, y, text, transform=axes.get_yaxis_transform(), va="center", **more)


def draw_ratios(rows: Sequence[Row], width_inches: float) -> Figure:
    """Return the picture of all rows that have a ratio; where CPU time and the clock say the same, of CPU time."""
    lines = list(_lines(rows))
    height = len(lines) * _ROW_INCHES + _TOP_INCHES + _BOTTOM_INCHES
    figure = Figure(figsize=(width_inches, height))
    bottom = _BOTTOM_INCHES / height
    columns = _Columns.of(rows)
    axes = figure.add_axes((columns.left, bottom, _END - columns.left, 1 - bottom - _TOP_INCHES / height))
    axes.set_xscale("log")
    for y, line in enumerate(lines):
        if isinstance(line, Row):
            _draw(axes, columns, y, line)
        else:
            columns.write(axes, 0.01, y, line, fontweight="bold")
    _finish(axes, [line for line in lines if isinstance(line, Row)], len(lines))
    figure.text(0.01, 1 - 0.1 / height, "Our cost / theirs", fontsize=11, fontweight="bold", va="top")
    figure.legend(
        handles=_legend(), ncols=5, loc="upper right", frameon=False, columnspacing=1.2, handletextpad=0.5
    )
    return figure


def _lines(rows: Sequence[Row]) -> Iterable[Row | str]:
    """Yield a benchmark's name and its rows."""
    timed = {(row.benchmark, row.what, row.peer) for row in rows if row.clock == "cpu"}
    shown = [row for row in rows if row.clock == "cpu" or (row.benchmark, row.what, row.peer) not in timed]
    for (benchmark, clock), group in groupby(shown, lambda row: (row.benchmark, row.clock)):
        yield f"{benchmark} ({'CPU time' if clock == 'cpu' else 'time that passed'})"
        yield from group


def _draw(axes: "Axes", columns: _Columns, y: int, row: Row) -> None:
    assert row.ratio is not None
    ratio = row.ratio
    axes.barh(y, ratio.median - 1, left=1, height=0.62, linewidth=0.8, **_BARS[row.met])
    axes.hlines(y, ratio.low, ratio.high, **_SPREAD)
    if row.target and row.target.of == "ratio" and row.target.at_most is not None:
        axes.plot(row.target.at_most, y, **_TARGET)
    columns.write(axes, _NAME, y, textwrap.shorten(row.what, _NAME_CHARS, placeholder=" …"))
    columns.write(axes, columns.peer, y, row.peer, color="#555555")
    columns.write(axes, _END + 0.015, y, f"{ratio.median:.2g}")
    if row.met is False:
        columns.write(axes, 0.935, y, "missed", color="#B04A00")


def _finish(axes: "Axes", rows: Sequence[Row], lines: int) -> None:
    spreads = [row.ratio for row in rows if row.ratio]
    axes.set_xlim(
        min(0.5, *(each.low for each in spreads)) / 1.3, max(2, *(each.high for each in spreads)) * 1.3
    )
    axes.set_ylim(lines - 0.4, -0.6)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.grid(visible=True, axis="x", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}")
    axes.tick_params(labeltop=True, length=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _legend() -> list[Any]:
    return [
        *(Patch(label=_WORDS[met], linewidth=0.8, **style) for met, style in _BARS.items()),
        Line2D([], [], linestyle="none", label="at most", **_TARGET),
        Line2D([], [], label="lowest to highest", **_SPREAD),
    ]
