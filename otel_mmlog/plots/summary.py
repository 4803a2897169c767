"""The numbers of a chart, for those who cannot read them off the lines."""

from collections.abc import Iterator

import numpy as np

from otel_mmlog.plots.chart import Chart, Curve
from otel_mmlog.plots.terminal import number


def rows_of(chart: Chart) -> Iterator[tuple[str, ...]]:
    """Yield the headings and a row a curve: scalar, run, last, lowest, highest value, and what is not finite."""
    yield ("scalar", "run", "last", "lowest", "highest", "not finite")
    for panel in chart.panels:
        for curve in panel.curves:
            low, high = _ends(curve)
            yield (panel.title, chart.labels[curve.run], number(curve.last), low, high, odd_text(curve))


def odd_text(curve: Curve) -> str:
    """Return ``3 NaN, first at iteration 56``; empty if all values are finite."""
    if not curve.odd:
        return ""
    counts = ", ".join(f"{count:,} {kind}" for kind, count in curve.odd_counts().items())
    return f"{counts}, first at iteration {curve.odd_step:,}"


def _ends(curve: Curve) -> tuple[str, str]:
    values = curve.raw if curve.raw is not None else curve.y
    low = curve.low if curve.low is not None else values
    high = curve.high if curve.high is not None else values
    if not np.isfinite(values).any():
        return "-", "-"
    return number(float(np.nanmin(low))), number(float(np.nanmax(high)))
