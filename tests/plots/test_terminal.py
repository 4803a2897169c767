"""Charts as characters."""

import math
from pathlib import Path

import numpy as np
import pytest

from otel_mmlog.plots.canvas import Canvas
from otel_mmlog.plots.chart import Chart
from otel_mmlog.plots.curves import thinned
from otel_mmlog.plots.reading import Wish, read_chart
from otel_mmlog.plots.terminal import draw
from otel_mmlog.runs.sources import find_sources
from tests.plots.runs import make_run


def chart_of(*folders: Path) -> Chart:
    chart = read_chart(find_sources(folders), Wish(), lambda: None).chart
    assert chart is not None
    return chart


def test_braille_line_is_these_characters() -> None:
    """A line from the lower left to the upper right goes through each corner of the dots."""
    canvas = Canvas(4, 2)
    canvas.line(0, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    text = "\n".join("".join(each for each, _ in row) for row in canvas.rows())
    assert text == "  ⡠⠊\n⡠⠊  "


def test_picture_in_a_pipe(tmp_path: Path) -> None:
    """Without colours each run has a letter, and no line is wider than it may be."""
    folders = [make_run(tmp_path / f"r{n}", [4.0, 2.0, n], config={"lr": n}) for n in (0.5, 1.0)]
    lines = [line.plain for line in draw(chart_of(*folders), 60, 8, color=False, unicode=True)]
    assert lines[0] == "train/loss"
    assert lines[1].startswith("  4 +")
    assert lines[8].startswith("0.5 +")
    assert lines[-2:] == ["a lr 0.5", "b lr 1"]
    assert lines[8].endswith("a")
    assert max(map(len, lines)) <= 60
    assert "\n".join(lines).isascii()


def test_nan_is_marked(tmp_path: Path) -> None:
    """A sign in the first row where the value is NaN, and how many there are."""
    chart = chart_of(make_run(tmp_path / "r", [1.0, math.nan, math.nan, 0.5]))
    head, first, *_ = [line.plain for line in draw(chart, 40, 6, color=True, unicode=True)]
    assert head == "train/loss  2 NaN (x)"
    assert first.count("x") == 2


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.5] * 3, ["0.5"]),
        ([0.5], ["0.5"]),
        ([1.0, 1 + 1e-12], ["1.000000000001", "1.0000000000007", "1.0000000000003", "1"]),
        ([1.0, math.nextafter(1.0, 2)], ["1.0000000000000002", "1"]),
        ([123456789.0, 123456790.0], ["123456790", "123456789.7", "123456789.3", "123456789"]),
        ([math.nan] * 2, []),
        ([1.7e308] * 2, ["1e+300"]),
        ([-1.7e308, 1.7e308], None),
    ],
)
def test_numbers_of_the_axis_differ(
    tmp_path: Path, values: list[float], ticks: list[str] | None, *, is_log: bool
) -> None:
    """In as many digits as that takes; one number for one value, none for none, and no overflow of huge ones."""
    make_run(tmp_path / "r", values)
    chart = read_chart(find_sources([tmp_path]), Wish(is_log=is_log), lambda: None).chart
    assert chart is not None
    lines = [line.plain for line in draw(chart, 60, 8, color=True, unicode=True)]
    found = [line.partition("┤")[0].strip() for line in lines if "┤" in line]
    assert found == ticks or ticks is None
    assert len(set(found)) == len(found)
    assert max(map(len, lines)) <= 60


def test_thinned_keeps_extremes_and_gaps() -> None:
    """Of many points those remain that a picture shows: single peaks, both ends, gaps."""
    y = np.zeros(100_000)
    y[31_337], y[70_001], y[50_000:50_003] = 9.0, -9.0, np.nan
    x, thin = thinned(np.arange(100_000.0), y, 1000)
    assert len(x) <= 1502
    assert (np.nanmax(thin), np.nanmin(thin), x[0], x[-1]) == (9.0, -9.0, 0.0, 99_999.0)
    assert np.isnan(thin).any()
