"""The scalars of a run as pictures that take the page's colours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from otel_mmlog.cli.reporting.html import Html
from otel_mmlog.core.escape import escape
from otel_mmlog.otel.semconv import RESERVED_TAGS
from otel_mmlog.plots.chart import Chart, Curve, Panel
from otel_mmlog.plots.curves import thinned
from otel_mmlog.plots.figure import render
from otel_mmlog.plots.reading import Wish, default_fits, read_chart
from otel_mmlog.runs.sources import Source

MOST: Final = 12
"""How many scalars are drawn."""

_MOST_POINTS = 1200
_MOST_ODD = 300
_NAME_CHARS = 60
_INCHES = 3.9, 2.3
_STYLE = re.compile(r'style="[^"]*"')
_VARIABLES: Final = {
    "#000000": "var(--ink)", "#555555": "var(--muted)", "#e4e4e4": "var(--line)", "#ffffff": "none",
    "#0072b2": "var(--c0)",
}  # fmt: skip


@dataclass(slots=True)
class Pictures:
    """What there is to be seen of a run's scalars.

    Attributes:
        chart: All of them; None if the run has none.
        is_sampled: Whether lines of long files were left out.
        drawn: A picture a scalar, `MOST` at most; empty without matplotlib.
        has_matplotlib: Whether they could be drawn.
    """

    chart: Chart | None = None
    is_sampled: bool = False
    drawn: list[Html] = field(default_factory=list)
    has_matplotlib: bool = True


def pictures_of(source: Source) -> Pictures:
    """Return the pictures of a run, the loss and what val loops measure first.

    Raises:
        OSError: A file cannot be read.
    """
    wish = Wish(("*",), is_banded=len(source.ranks) > 1)
    reading = read_chart([source], wish, lambda: None)
    if reading.chart is None:
        return Pictures()
    panels = [_bounded(panel) for panel in reading.chart.panels if _is_shown(panel)]
    panels.sort(
        key=lambda panel: (not default_fits(panel.name), panel.name.rpartition("/")[2] in RESERVED_TAGS)
    )
    chart = replace(reading.chart, panels=tuple(panels))
    found = Pictures(chart if panels else None, reading.is_sampled)
    try:
        found.drawn = list(_drawn(chart))
    except ImportError:
        found.has_matplotlib = False
    return found


def _drawn(chart: Chart) -> Iterator[Html]:
    for panel in chart.panels[:MOST]:
        alone = replace(chart, panels=(panel,), labels=("",), title="", ranks=0)
        yield themed(render(alone, "svg", _INCHES).decode("utf-8"))


def themed(svg: str) -> Html:
    """Return a picture of matplotlib's as a part of a page, with the page's colours in place of its own."""
    svg = re.sub(
        r"<!--.*?-->|<metadata>.*?</metadata>|<style .*?</style>", "", svg[svg.index("<svg") :], flags=re.S
    )
    return Html(_STYLE.sub(_recoloured, svg).strip())


def _recoloured(style: re.Match[str]) -> str:
    text = style.group()
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text


def _is_shown(panel: Panel) -> bool:
    """Whether a scalar tells something: a position does not, nor one that never changes."""
    return panel.name.rpartition("/")[2] not in ("epoch", "iter", "step", "eta", "count")


def _bounded(panel: Panel) -> Panel:
    name = escape(panel.name)
    return replace(
        panel,
        name=name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 3]}...",
        curves=tuple(map(_thin, panel.curves)),
    )


def _thin(curve: Curve) -> Curve:
    x, y = thinned(curve.x, curve.y, _MOST_POINTS)
    odd = {kind: where[:: max(1, len(where) // _MOST_ODD)] for kind, where in curve.odd.items()}
    if curve.low is None or curve.high is None or len(x) == len(curve.x):
        return replace(curve, x=x, y=y, odd=odd) if curve.low is None else replace(curve, odd=odd)
    at = [int(place) for place in curve.x.searchsorted(x)]
    return replace(curve, x=x, y=y, low=curve.low[at], high=curve.high[at], odd=odd)
