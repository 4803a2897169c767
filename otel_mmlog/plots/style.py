"""How pictures look: sober, readable at the width of a column, and in colours that everybody can tell apart."""

from typing import Any, Final

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333")
"""Okabe and Ito's, the darker first; its yellow is too light for lines on white."""

DASHES: Final = ("-", "--", ":", "-.")
MAP: Final = "viridis_r"
"""Of runs that differ in one number: lightness goes up or down with it, for every kind of eye and in grey."""

_MAP_END = 0.12, 1.0
"""The part of the map that is dark enough for lines on white."""

SETTINGS: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.formatter.limits": (-4, 5),
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.titlesize": 9,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "font.size": 8,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.2,
    "lines.solid_joinstyle": "round",
    "pdf.fonttype": 42,  # text that editors can edit; journals ask for it
    "ps.fonttype": 42,
    "savefig.dpi": 300,
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "otel-mmlog",  # the same picture has the same bytes
    "timezone": "UTC",
    "xtick.color": "#555555",
    "xtick.labelcolor": "black",
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.color": "#555555",
    "ytick.labelcolor": "black",
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}


def line_styles(runs: int, values: tuple[float, ...] | None) -> list[tuple[Any, Any]]:
    """Return a colour and a dash for each run.

    Args:
        runs: How many.
        values: The number in which they differ, if there is one: from 4 runs on the colours go with its order.
    """
    if runs > len(COLOURS) * len(DASHES) or (values is not None and runs > 3):
        return [(_on_map(at / max(1, runs - 1)), "-") for at in range(runs)]
    return [(COLOURS[at % len(COLOURS)], DASHES[at // len(COLOURS)]) for at in range(runs)]


def _on_map(share: float) -> Any:
    from matplotlib import colormaps  # noqa: PLC0415 - an extra, and slow to import

    start, stop = _MAP_END
    return colormaps[MAP](start + (stop - start) * share)
