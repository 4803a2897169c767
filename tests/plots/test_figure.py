"""Pictures in files: what they say, read back from the SVG."""

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from otel_mmlog.plots.figure import render
from otel_mmlog.plots.page import page
from otel_mmlog.plots.reading import Wish, read_chart
from otel_mmlog.runs.sources import find_sources
from tests.plots.runs import RunFile, make_run

SVG = "{http://www.w3.org/2000/svg}"


class Picture:
    """An SVG of runs, taken apart."""

    def __init__(self, folders: Sequence[Path], wish: Wish) -> None:
        chart = read_chart(find_sources(folders), wish, lambda: None).chart
        assert chart is not None
        self.chart = chart
        self.svg = render(chart, "svg", None).decode()
        self.root = ElementTree.fromstring(self.svg)
        self.texts = ["".join(each.itertext()) for each in self.root.iter(f"{SVG}text")]

    def group(self, gid: str) -> list[ElementTree.Element]:
        """The signs of a group of marks."""
        found = [each for each in self.root.iter(f"{SVG}g") if each.get("id") == gid]
        return [use for each in found for use in each.iter(f"{SVG}use")]

    def places(self, signs: Sequence[ElementTree.Element], axis: str) -> list[float]:
        return [float(each.get(axis, "nan")) for each in signs]

    def ticks(self, *texts: str) -> list[float]:
        """Where the x axis has these numbers."""
        at = {"".join(each.itertext()): each.get("x", "nan") for each in self.root.iter(f"{SVG}text")}
        return [float(at[text]) for text in texts]

    def colours(self) -> list[str]:
        """The colours of lines, as often as they occur."""
        return re.findall(r"stroke: (#[0-9a-f]{6})", self.svg)


def test_axes_say_what_and_in_which_unit(tmp_path: Path) -> None:
    """The scalar with its unit at y, the iteration at x; one run needs no legend."""
    file = RunFile(tmp_path)
    file.start()
    file.record(10, loss=1.0, time=0.5)
    file.record(20, loss=0.5, time=0.4)
    texts = Picture([tmp_path], Wish(("loss", "time"), title="Costs $5_a$")).texts
    assert {"train/loss", "train/time (s)", "iteration", "Costs $5_a$"} <= set(texts)
    assert "digits" not in texts


def test_legend_says_what_differs(tmp_path: Path) -> None:
    """Runs are called by the settings that are not the same, in the order of a number."""
    folders = [
        make_run(tmp_path / f"r{lr}", [1.0, lr], config={"lr": lr, "depth": 18}) for lr in (0.3, 0.1, 0.2)
    ]
    picture = Picture(folders, Wish())
    assert [text for text in picture.texts if text.startswith("lr")] == ["lr 0.1", "lr 0.2", "lr 0.3"]


def test_same_colour_in_all_panels(tmp_path: Path) -> None:
    """A run has one colour, in each panel and in the legend."""
    for number in range(3):
        file = RunFile(tmp_path / str(number), run_id=f"run{number}")
        file.start({"seed": number})
        for step in (10, 20):
            file.record(step, loss=float(step), grad_norm=float(number))
    picture = Picture([tmp_path], Wish(("loss", "grad_norm")))
    for colour in ("#0072b2", "#d55e00", "#009e73"):
        assert picture.colours().count(colour) >= 3


def test_many_runs_have_colours_of_their_own(tmp_path: Path) -> None:
    """Of 20 runs that differ in a number none has the colour of another."""
    folders = [make_run(tmp_path / f"r{n}", [1.0, n], config={"lr": n / 10}) for n in range(20)]
    picture = Picture(folders, Wish())
    assert len({colour for colour in picture.colours() if picture.colours().count(colour) >= 2}) >= 20


def test_what_is_not_finite_is_marked(tmp_path: Path) -> None:
    """A mark at the edge for each NaN and infinity, at its step, and their number above the panel."""
    file = RunFile(tmp_path)
    file.start()
    file.losses([1.0, math.nan, 0.5, math.nan, math.inf, 0.4, -math.inf, 0.3])
    picture = Picture([tmp_path], Wish())
    assert "2 NaN, 1 Inf, 1 -Inf" in picture.texts
    assert [len(picture.group(gid)) for gid in ("nan-0", "inf-0")] == [2, 2]
    assert picture.places(picture.group("nan-0"), "x") == pytest.approx(picture.ticks("20", "40"), abs=0.01)
    (edge,) = set(picture.places(picture.group("nan-0"), "y"))
    (low,) = set(picture.places(picture.group("inf-0")[1:], "y"))
    assert edge < low


def test_nothing_but_nan(tmp_path: Path) -> None:
    """A scalar that is never finite is a panel of marks."""
    picture = Picture([make_run(tmp_path / "r", [math.nan] * 3)], Wish(is_log=True))
    assert len(picture.group("nan-0")) == 3


def test_smoothed_line_has_the_raw_one_behind(tmp_path: Path) -> None:
    """Both are drawn, the raw one faint, and the legend says by how much it is smoothed."""
    picture = Picture([make_run(tmp_path / "r", [1.0, 0.2, 0.9])], Wish(smoothing=0.6))
    assert {"smoothed 0.6", "as logged"} <= set(picture.texts)
    assert "stroke-opacity: 0.25" in picture.svg


def test_ranks_are_a_band(tmp_path: Path) -> None:
    """The legend says of how many ranks, and the median is drawn."""
    for rank, values in enumerate(([1.0, 2.0], [3.0, 2.0], [8.0, math.nan])):
        file = RunFile(tmp_path, rank=rank)
        file.start()
        file.losses(values)
    picture = Picture([tmp_path], Wish(is_banded=True))
    assert {"median of 3 ranks", "lowest to highest", "1 NaN"} <= set(picture.texts)
    (curve,) = picture.chart.panels[0].curves
    assert curve.y.tolist() == [3.0, 2.0]
    assert curve.low is not None
    assert curve.high is not None
    assert (curve.low.tolist(), curve.high.tolist()) == ([1.0, 2.0], [8.0, 2.0])


@pytest.mark.usefixtures("india")
@pytest.mark.parametrize(
    ("kind", "label", "expected"),
    [
        ("step", "iteration", [5, 10, 15, 20]),
        ("epoch", "epoch", [0.5, 1.0, 1.5, 2.0]),
        ("time", "time since start (s)", [1, 2, 4, 5]),
        ("wall", "time (IST)", [1795392002, 1795392003, 1795392005, 1795392006]),
    ],
)
def test_x_axis(tmp_path: Path, kind: str, label: str, expected: list[float]) -> None:
    """Iterations, epochs with their fractions, seconds since the start, or the clock of who looks at it."""
    file = RunFile(tmp_path)
    file.start()
    for epoch in (1, 2):
        for step in (5, 10):
            file.record(step + 10 * (epoch - 1), epoch=epoch, loss=1.0)
        file.record(10 * epoch, mode="val", epoch=epoch, acc=0.5)
    picture = Picture([tmp_path], Wish(("train/loss",), kind))  # type: ignore[arg-type]  # of parametrize
    assert label in picture.texts
    assert any("05:30" in text for text in picture.texts) == (kind == "wall")
    assert picture.chart.panels[0].curves[0].x.tolist() == expected


@pytest.mark.parametrize(("kind", "head"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_formats(tmp_path: Path, kind: str, head: bytes) -> None:
    """Each format is what its name says, and the same chart is the same bytes."""
    chart = Picture([make_run(tmp_path / "r", [1.0, 0.5])], Wish()).chart
    data = render(chart, kind, (3.4, 2.4))
    assert data.startswith(head)
    assert data == render(chart, kind, (3.4, 2.4))
    if kind == "png":
        assert Image.open(io.BytesIO(data)).size == (1020, 720)


def test_page_is_one_file(tmp_path: Path) -> None:
    """HTML holds the picture and its numbers, loads nothing, and shows names as they are."""
    chart = Picture([make_run(tmp_path / "r", [1.0, math.nan])], Wish(title="<b>&")).chart
    text = page(chart, render(chart, "svg", None).decode())
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert "1 NaN, first at iteration 20" in text
    assert text.count("<svg") == 1
    assert not re.search(r"""(?:src|href)=["'](?!#)|<script|@import|url\((?!#)""", text)


def test_names_bring_nothing_raw(tmp_path: Path) -> None:
    """A control character in a scalar's name or a title is escaped: the SVG is XML, and no terminal obeys it."""
    file = RunFile(tmp_path)
    file.start()
    tags: dict[str, Any] = {"\x1b[31mx": 1.0}
    file.record(1, mode="val", **tags)
    picture = Picture([tmp_path], Wish(("val/*",), title="a\x1b]0;b"))
    assert "\\x1b[31mx" in picture.svg
    assert "\x1b" not in picture.svg + page(picture.chart, picture.svg)
