"""The scaling benchmark has every point of its curves, and what they come to; how fast is not asserted.

Its name keeps it out of a plain ``pytest``: name the file to run it.
"""

import pytest

from tests.benchmarks import scale
from tests.benchmarks.curves import CURVES, RANKS, RULES, SCALARS, points
from tests.benchmarks.table import Row


@pytest.fixture(scope="module")
def found() -> list[Row]:
    return list(scale.rows(quick=True))


def test_every_point_is_measured(found: list[Row]) -> None:
    """Each curve has a row a point, mmengine beside ours where it does the same, and one row with a verdict."""
    xs = {curve: [x for x, _ in points(curve, found)] for curve in CURVES}
    assert xs == {SCALARS: [1, 10, 100], RULES: [1, 10, 100], RANKS: [1, 2]}
    assert {row.peer for curve in (SCALARS, RULES) for _, row in points(curve, found)} == {"mmengine"}
    verdicts = [row.what for row in found if row.peer == "ourselves" and row.target is not None]
    assert [what.startswith(curve.name) for what, curve in zip(verdicts, CURVES, strict=False)] == [True] * 3


def test_limits_are_told(found: list[Row]) -> None:
    """Below the limit of series every tag of every record is a point, and no line is too long."""
    medians = {row.what: row.ours.median for row in found}
    tags = medians["a record of 100 scalars, its tags in JSON"]
    assert medians["a record of 100 scalars, its points in the journal"] == tags >= 100
    assert 0 < medians["a record of 100 scalars, the journal's longest line"] < 512
