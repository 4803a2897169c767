"""The curves of how cost grows: what they are called, and what a row is of them."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from tests.benchmarks.table import Row

NAME = "scale"
Growth = Literal["linear", "flat"]


class Curve(NamedTuple):
    """What cost grows with, and how it should.

    Attributes:
        name: What the rows are called before their ``: <x>``.
        title: Of its picture.
        x: What is counted.
        growth: ``"linear"`` or ``"flat"``.
    """

    name: str
    title: str
    x: str
    growth: Growth


SCALARS = Curve("a step, by scalars", "A step, by its scalars", "scalars a step", "linear")
RULES = Curve("a step of 10 scalars, by rules", "A step of 10 scalars, by rules", "rules", "linear")
RANKS = Curve(
    "a rank's step, by ranks in one folder", "A rank's step, by ranks", "ranks in one folder", "flat"
)
CURVES = (SCALARS, RULES, RANKS)


def point_name(curve: Curve, x: int) -> str:
    """Return what the row of a point is called."""
    return f"{curve.name}: {x:,}"


def points(curve: Curve, rows: Iterable[Row]) -> list[tuple[int, Row]]:
    """Return the x and the row of each point of a curve, in their order."""
    pattern = re.compile(rf"{re.escape(curve.name)}: ([\d,]+)")
    matches = ((pattern.fullmatch(row.what), row) for row in rows)
    return [(int(match[1].replace(",", "")), row) for match, row in matches if match]
