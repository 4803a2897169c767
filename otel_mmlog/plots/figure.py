"""Draws charts with matplotlib, as they go into a paper."""

import io
import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_mmlog.plots.chart import SHAPES, Chart, Curve, Floats, Panel
from otel_mmlog.plots.curves import thinned
from otel_mmlog.plots.style import SETTINGS, line_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg", "pdf")
_PANEL_INCHES = 3.4, 2.1
_LEGEND_ROW_INCHES = 0.155
_CHAR_POINTS = 4.2
_HANDLE_POINTS = 34
_MOST_COLUMNS = 6
_MOST_POINTS = 4000
_FEW = 25
_GREY = "#555555"


def render(chart: Chart, kind: str, size: tuple[float, float] | None) -> bytes:
    """Return a picture of a chart.

    Args:
        chart: The chart.
        kind: One of `FORMATS`.
        size: Width and height in inches; None for as much as the panels need.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    settings: dict[Any, Any] = dict(SETTINGS)
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    buffer = io.BytesIO()
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")  # a name may have signs that the font lacks
        figure = Figure()
        _draw(figure, chart, size)
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def _draw(figure: "Figure", chart: Chart, size: tuple[float, float] | None) -> None:
    columns = _columns(len(chart.panels))
    rows = math.ceil(len(chart.panels) / columns)
    legend = list(_legend(chart))
    width, height = size or (_PANEL_INCHES[0] * columns, 0.0)
    legend_columns = _legend_columns([label for _, label in legend], width)
    if not size:
        legend_rows = math.ceil(len(legend) / legend_columns) if legend else 0
        height = _PANEL_INCHES[1] * rows + _LEGEND_ROW_INCHES * legend_rows + (0.25 if chart.title else 0)
    figure.set_size_inches(width, height)
    styles = line_styles(len(chart.labels), chart.values)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, chart.panels, strict=False):
        _draw_panel(axes, panel, chart, styles)
    for axes in grid.flat[len(chart.panels) :]:
        axes.remove()
    _share_x(grid.flat[: len(chart.panels)].tolist(), columns, chart.x_label)
    if chart.title:
        _literal(figure.suptitle(chart.title))
    if legend:
        handles, names = zip(*legend, strict=True)
        box = figure.legend(handles, names, loc="outside lower center", ncols=legend_columns)
        for text in box.get_texts():
            _literal(text)


def _share_x(panels: "list[Axes]", columns: int, label: str) -> None:
    """Give all panels the same x axis, with its label under the lowest of each column."""
    limits = [axes.get_xlim() for axes in panels]
    for axes in panels:
        axes.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    for axes in panels[-columns:]:
        axes.set_xlabel(label)


def _literal(text: Any) -> None:
    """A dollar in a name is a dollar, and begins no formula."""
    text.set_parse_math(False)


def _columns(panels: int) -> int:
    return min(panels, 2) if panels <= 6 else 3


def _legend_columns(names: list[str], width_inches: float) -> int:
    if not names:
        return 1
    widest = max(map(len, names)) * _CHAR_POINTS + _HANDLE_POINTS
    fits = max(1, min(int(width_inches * 72 / widest), len(names), _MOST_COLUMNS))
    rows = math.ceil(len(names) / fits)
    return math.ceil(len(names) / rows)  # as even as the rows allow


def _legend(chart: Chart) -> Iterator[tuple[Any, Any]]:
    """What is below the picture: the runs, if there are several, and how to read the lines."""
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    if len(chart.labels) > 1:
        styles = line_styles(len(chart.labels), chart.values)
        for (colour, dash), label in zip(styles, chart.labels, strict=True):
            yield Line2D([], [], color=colour, linestyle=dash), label
    smooth = f"smoothed {chart.smoothing:g}" if chart.smoothing else ""
    if chart.ranks:
        yield Line2D([], [], color=_GREY), ", ".join(filter(None, (f"median of {chart.ranks} ranks", smooth)))
        yield Patch(facecolor=_GREY, alpha=0.25, linewidth=0), "lowest to highest"
    elif chart.smoothing:
        yield Line2D([], [], color=_GREY), smooth
        yield Line2D([], [], color=_GREY, alpha=0.4, linewidth=0.7), "as logged"


def _draw_panel(axes: "Axes", panel: Panel, chart: Chart, styles: list[tuple[Any, Any]]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    if chart.is_log and any((curve.y > 0).any() for curve in panel.curves):
        axes.set_yscale("log", nonpositive="mask")
    for curve in panel.curves:
        colour, dash = styles[curve.run]
        _draw_curve(axes, curve, chart, colour, dash)
    for curve in panel.curves:  # behind all lines, since each moves the edges
        _mark_odd(axes, curve, chart, styles[curve.run][0])
    _literal(axes.set_ylabel(panel.title))
    axes.margins(x=0.02)
    if chart.x_kind == "wall":
        locator = AutoDateLocator(tz=chart.zone, minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=chart.zone))  # type: ignore[no-untyped-call]
    else:
        is_whole = chart.x_kind in ("step", "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=is_whole, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _short(x)))
    counts = panel.odd_counts()
    if counts:
        told = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        axes.set_title(told, loc="right", fontsize=7, color=_GREY, pad=7)


def _short(x: float) -> str:
    """A place on the x axis: ``20``, ``5000``, ``20k``, ``1.2M``."""
    if abs(x) < 1e4:
        return f"{x:g}"
    return f"{x / 1e3:g}k" if abs(x) < 1e6 else f"{x / 1e6:g}M"


def _draw_curve(axes: "Axes", curve: Curve, chart: Chart, colour: Any, dash: str) -> None:
    def line(y: Floats, **how: Any) -> None:
        x, thin = thinned(curve.x, y, _MOST_POINTS)
        axes.plot(_dates(x) if chart.x_kind == "wall" else x, thin, color=colour, linestyle=dash, **how)

    if curve.low is not None and curve.high is not None:
        x, low = thinned(curve.x, curve.low, _MOST_POINTS)
        high = np.interp(x, curve.x, curve.high) if len(x) < len(curve.x) else curve.high
        axes.fill_between(
            _dates(x) if chart.x_kind == "wall" else x, low, high, color=colour, alpha=0.25, linewidth=0
        )
    if curve.raw is not None:
        line(curve.raw, alpha=0.25, linewidth=0.7, zorder=1.5)
    if np.isfinite(curve.y).any():
        line(curve.y, **({"marker": "o", "markersize": 2.2} if len(curve.x) <= _FEW else {}))
        alone = _alone(curve.y)
        if alone.any() and len(curve.x) > _FEW:
            x = curve.x[alone]
            axes.plot(
                _dates(x) if chart.x_kind == "wall" else x, curve.y[alone], "o", color=colour, markersize=1.5
            )


def _alone(y: Floats) -> Any:
    """Which values have no neighbour that a line could go to."""
    is_gap = np.concatenate([[True], np.isnan(y), [True]])
    return ~is_gap[1:-1] & is_gap[:-2] & is_gap[2:]


def _mark_odd(axes: "Axes", curve: Curve, chart: Chart, colour: Any) -> None:
    """Marks on the edge of the panel, where the values would be if they could be drawn."""
    for kind, where in curve.odd.items():
        x, _ = thinned(np.unique(where), np.zeros(len(np.unique(where))), _MOST_POINTS)
        axes.plot(
            _dates(x) if chart.x_kind == "wall" else x,
            np.full(len(x), 0.0 if kind == "-Inf" else 1.0),
            SHAPES[kind],
            color=colour,
            markersize=4,
            markeredgewidth=1.0,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            zorder=3,
            gid=f"{kind.strip('-').lower()}-{curve.run}",
        )


def _dates(x: Floats) -> Any:
    return (x * 1e6).astype("datetime64[us]")
