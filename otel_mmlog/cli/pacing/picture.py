"""The ranks of a run as a heat map: rank by step, how far each is from the median rank."""

import math
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from otel_mmlog.runs.paces import Array, Paces

_COLUMNS: Final = 1000
_MAX_TICKS: Final = 16
_LEAST_RANGE: Final = 0.1
_MOST_RANGE: Final = 1.0


def save_picture(paces: Paces, path: Path, title: str) -> None:
    """Write the picture in the format that the file's name says.

    Raises:
        click.ClickException: matplotlib is not installed.
        OSError: The file cannot be written.
        ValueError: There is no such format.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise click.ClickException("a picture needs matplotlib: pip install 'otel-mmlog[plot]'") from None
    values, edges = _reduced(paces)
    height = min(8.0, max(2.4, 1.4 + 0.18 * len(paces.ranks)))
    # The texts of an SVG stay texts; a dollar sign in a name begins no formula.
    with mpl.rc_context({"svg.fonttype": "none", "text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(7.2, height), layout="constrained")
        _draw(figure, values, edges, paces, title)
        figure.savefig(path, dpi=200)


def _draw(figure: Any, values: Array, edges: Array, paces: Paces, title: str) -> None:
    axes = figure.add_subplot()
    limit = float(np.clip(np.nanpercentile(np.abs(values), 99.5), _LEAST_RANGE, _MOST_RANGE))
    rows = np.arange(len(paces.ranks) + 1) - 0.5
    mesh = axes.pcolormesh(
        edges, rows, np.ma.masked_invalid(values), cmap="RdBu_r", vmin=-limit, vmax=limit, rasterized=True
    )
    axes.set_facecolor("0.85")
    axes.invert_yaxis()
    shown = range(0, len(paces.ranks), math.ceil(len(paces.ranks) / _MAX_TICKS))
    axes.set_yticks(shown, [str(paces.ranks[row]) for row in shown])
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    shown_is = "wait for data, as a share of a step" if paces.is_together else "time of a step"
    axes.set(xlabel="step", ylabel="rank")
    axes.set_title(f"{title}: {shown_is}, beside the median rank's", loc="left", fontsize=9)
    bar = figure.colorbar(
        mesh,
        ax=axes,
        extend="both",
        aspect=30,
        fraction=0.05,
        format=lambda share, _: f"{share:+.0%}" if share else "0%",
    )
    bar.outline.set_visible(False)


def _reduced(paces: Paces) -> tuple[Array, Array]:
    """Values of as many columns as a picture can show, and the steps between which they lie."""
    values = paces.data_excess() if paces.is_together else paces.excess()
    steps = paces.steps.astype(np.float64)
    edges: Array = np.concatenate([[max(0.0, steps[0] - paces.widths[0])], steps])
    if len(steps) <= _COLUMNS:
        return values, edges
    starts = np.unique(np.linspace(0, len(steps), _COLUMNS + 1).astype(int))[:-1]
    is_there = np.isfinite(values)
    sums = np.add.reduceat(np.where(is_there, values, 0.0), starts, axis=1)
    counts = np.add.reduceat(is_there.astype(np.float64), starts, axis=1)
    means: Array = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means, np.append(edges[starts], edges[-1])
