"""The table's pictures have what the table has, and are the same bytes for the same rows."""

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.benchmarks import plot
from tests.benchmarks.curves import RANKS, SCALARS, point_name
from tests.benchmarks.harness import Cost
from tests.benchmarks.table import Row, Target, compare, figure, to_json

pytest.importorskip("matplotlib")

_COSTS = ([Cost(1e-6, 1e-6), Cost(2e-6, 2e-6)], [Cost(9e-6, 9e-6), Cost(8e-6, 8e-6)])
RATIOS = [
    compare("hub", "a met one", _COSTS, clock="cpu", unit="us", target=Target("ratio", 0.5)),
    compare("hub", "a met one", _COSTS, clock="wall", unit="us", target=Target("ratio", 0.5)),
    compare("hub", "a missed one", _COSTS, clock="cpu", unit="us", target=Target("ratio", 0.1)),
    compare("import", "without a target", _COSTS, clock="wall", unit="us", peer="structlog"),
    figure("hub", "no ratio", [1.0], unit="items"),
]
CURVES = [
    *(compare("scale", point_name(SCALARS, x), _COSTS, clock="cpu", unit="us") for x in (1, 1000)),
    *(figure("scale", point_name(RANKS, x), [20.0, 21.0], clock="cpu", unit="us") for x in (1, 64)),
]


def texts(path: Path) -> list[str]:
    """What is written in an SVG."""
    return [each.text or "" for each in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_ratios_have_a_bar_each(tmp_path: Path) -> None:
    """Each comparison is there once, by CPU time where both clocks say it, and a missed target is told in words."""
    (path,) = plot.write_pictures(RATIOS, tmp_path / "table.svg")
    words = texts(path)
    assert [words.count(name) for name in ("a met one", "a missed one", "without a target", "no ratio")] == [
        1,
        1,
        1,
        0,
    ]
    assert words.count("missed") == 2  # the row's, and the legend's
    assert {"mmengine", "structlog", "hub (CPU time)", "import (time that passed)"} <= set(words)


def test_curves_have_a_panel_each(tmp_path: Path) -> None:
    """Beside ratios the curves get a file of their own, with ours, the peer's and the guide."""
    paths = plot.write_pictures([*RATIOS, *CURVES], tmp_path / "table.svg")
    assert [path.name for path in paths] == ["table.svg", "table_scale.svg"]
    assert {SCALARS.title, RANKS.title, "otel_mmlog", "mmengine", "linear", "flat"} <= set(texts(paths[1]))


def test_table_in_a_file_gives_the_same_picture(tmp_path: Path) -> None:
    """From JSON the picture is the same, byte by byte."""
    (tmp_path / "table.json").write_text(to_json(RATIOS))
    plot.main([str(tmp_path / "table.json"), str(tmp_path / "read.svg")])
    plot.write_pictures(RATIOS, tmp_path / "direct.svg")
    assert (tmp_path / "read.svg").read_bytes() == (tmp_path / "direct.svg").read_bytes()


def test_png_by_suffix(tmp_path: Path) -> None:
    """A name that ends in .png gives a PNG."""
    (path,) = plot.write_pictures(CURVES, tmp_path / "curves.png")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["table", "table.pdf"])
def test_unknown_suffix_is_an_error(name: str) -> None:
    """A file that is neither SVG nor PNG is refused, with the choices."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"\.svg or \.png, got"):
        plot.picture_file(name)


def test_nothing_to_draw(tmp_path: Path) -> None:
    """A table without ratios and curves gives no picture."""
    rows: list[Row] = [figure("hub", "no ratio", [1.0], unit="items")]
    assert plot.write_pictures(rows, tmp_path / "table.svg") == []
