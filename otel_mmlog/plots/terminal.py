"""Draws charts with characters: braille in colours on a terminal, a letter a run where there are none."""

import colorsys
import math
import string
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np
from rich.text import Text

from otel_mmlog.plots.canvas import NOBODY, Canvas
from otel_mmlog.plots.chart import Chart, Curve, Floats, Panel
from otel_mmlog.plots.curves import thinned

_COLOURS: Final = ("blue", "dark_orange", "green4", "magenta", "yellow", "cyan", "red", "bright_black")
_LETTERS: Final = string.ascii_lowercase + string.ascii_uppercase
_MARKS: Final = {"NaN": "x", "Inf": "^", "-Inf": "v"}
_MOST_POINTS = 2000
_LEAST_COLUMNS = 20
_LEAST_DIGITS = 3
_MOST_DIGITS = 17  # more tell no two floats apart
ROWS: Final = 14


def draw(chart: Chart, columns: int, rows: int, *, color: bool, unicode: bool) -> Iterator[Text]:
    """Yield a chart line by line.

    Args:
        chart: The chart.
        columns: Characters in a line.
        rows: Of each panel.
        color: Whether the runs can be told apart by colours.
        unicode: Whether the terminal can show more than ASCII.
    """
    is_lettered = not unicode or (not color and len(chart.labels) > 1)
    letters = (_LETTERS if len(chart.labels) > 1 else "*") if is_lettered else ""
    if chart.title:
        yield Text(chart.title, style="bold")
    for panel in chart.panels:
        yield from _panel(panel, chart, columns, rows, letters)
        yield Text()
    colours = _colours(chart)
    for run, label in enumerate(chart.labels):
        sign = letters[run % len(letters)] if letters else "──"
        yield Text.assemble((sign, colours[run]), " ", label)
    told = [f"median, lowest and highest of {chart.ranks} ranks"] if chart.ranks else []
    told += [f"smoothed {chart.smoothing:g}"] if chart.smoothing else []
    if told:
        yield Text(", ".join(told), style="dim")


def _colours(chart: Chart) -> list[str]:
    """A colour a run: from blue to red where they differ in a number."""
    runs = len(chart.labels)
    if chart.values is None or runs <= 3:
        return [_COLOURS[run % len(_COLOURS)] for run in range(runs)]
    hues = (colorsys.hsv_to_rgb(0.65 * (1 - run / (runs - 1)), 0.8, 0.9) for run in range(runs))
    return [f"rgb({','.join(str(round(each * 255)) for each in hue)})" for hue in hues]


def _panel(panel: Panel, chart: Chart, columns: int, rows: int, letters: str) -> Iterator[Text]:
    low, high = _y_range(panel, is_log=chart.is_log)
    texts_of = _y_texts(low, high, rows, is_log=chart.is_log)
    margin = max(map(len, texts_of.values()), default=0)
    canvas = Canvas(max(_LEAST_COLUMNS, columns - margin - 2), rows, letters)
    ticks = {canvas.row_of(share): text for share, text in texts_of.items()}
    left = min(float(curve.x[0]) for each in chart.panels for curve in each.curves)
    right = max(float(curve.x[-1]) for each in chart.panels for curve in each.curves)
    for curve in panel.curves:
        for y in _lines(curve):
            x, thin = thinned(curve.x, y, _MOST_POINTS)
            canvas.line(
                curve.run, _share(x, left, right), _share(_scaled(thin, is_log=chart.is_log), low, high)
            )
    for curve in panel.curves:
        for kind, where in curve.odd.items():
            for x in np.unique(np.round(_share(where, left, right), 4)).tolist():
                canvas.mark(curve.run, x, -1 if kind == "-Inf" else 0, _MARKS[kind])
    counts = panel.odd_counts()
    told = "".join(f"  {count:,} {kind} ({_MARKS[kind]})" for kind, count in counts.items())
    yield Text.assemble((panel.title, "bold"), (told, "red"))
    colours = _colours(chart)
    axis, tick, corner, dash = ("|", "+", "+", "-") if letters else ("│", "┤", "└", "─")
    for row, texts in enumerate(canvas.rows()):
        label = ticks.get(row, "")
        line = Text(f"{label:>{margin}} {tick if label else axis}")
        for text, run in texts:
            line.append(text, None if run == NOBODY else colours[run])
        line.rstrip()
        yield line
    width = canvas.columns
    yield Text(f"{'':{margin}} {corner}{dash * width}")
    yield Text(f"{'':{margin + 2}}{_x_line(left, right, chart, width)}")


def _lines(curve: Curve) -> list[Floats]:
    """What is drawn of a curve; of a band its edges too."""
    return [y for y in (curve.low, curve.high, curve.y) if y is not None]


def _scaled(y: Floats, *, is_log: bool) -> Floats:
    return np.log10(np.where(y > 0, y, np.nan)) if is_log else y


def _share(values: Floats, low: float, high: float) -> Floats:
    return (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)


def _y_range(panel: Panel, *, is_log: bool) -> tuple[float, float]:
    """The lowest and the highest that is drawn; NaN if nothing is."""
    shown = np.concatenate([_scaled(y, is_log=is_log) for curve in panel.curves for y in _lines(curve)])
    shown = shown[np.isfinite(shown)]
    return (float(shown.min()), float(shown.max())) if len(shown) else (math.nan, math.nan)


def _y_texts(low: float, high: float, rows: int, *, is_log: bool) -> dict[float, str]:
    """Numbers for the y axis, in as many digits as tell them apart, by where they stand from 0 to 1."""
    if math.isnan(low):
        return {}
    last = max(1, rows - 1)
    shares = {round(share * last) / last for share in (0.0, 1 / 3, 2 / 3, 1.0)} if high > low else {0.5}
    values = {share: low + share * (high - low) for share in sorted(shares, key=_from_middle)}
    if is_log:
        values = {share: 10**value for share, value in values.items()}
    for digits in range(_LEAST_DIGITS, _MOST_DIGITS + 1):
        texts = {share: f"{value:.{digits}g}" for share, value in values.items()}
        if len(set(texts.values())) == len(texts):
            break
    latest = {text: share for share, text in texts.items()}  # of equal ones that at the end of the axis
    return {share: text for text, share in latest.items()}


def _from_middle(share: float) -> float:
    return abs(share - 0.5)


def _x_line(left: float, right: float, chart: Chart, width: int) -> str:
    first, last = (_x_text(x, chart, right - left) for x in (left, right))
    gap = max(1, width - len(first) - len(last))
    return first + chart.x_label.center(gap) + last


def _x_text(x: float, chart: Chart, span: float) -> str:
    if chart.x_kind != "wall":
        return number(x)
    form = "%H:%M:%S" if span < 86_400 else "%m-%d %H:%M"
    return datetime.fromtimestamp(x, chart.zone).strftime(form)


def number(value: float) -> str:
    """Return a number as few characters: ``0.0512``, ``1.2e-05``, ``12,000``, ``NaN``, ``-Inf``."""
    if not math.isfinite(value):
        return str(value).replace("nan", "NaN").replace("inf", "Inf")
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.4g}"
