"""A row of the table: what something costs us, what it costs another, and whether that is the target."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import groupby
from typing import Any, Literal, NamedTuple

from tests.benchmarks.groups import GROUPS, group_of
from tests.benchmarks.harness import Cost, Spread

Clock = Literal["cpu", "wall", "-"]
SCALE = {"us": 1e6, "ms": 1e3}
_HEAD = ("what", "clock", "ours", "peer", "theirs", "ours / theirs", "target", "")


class Target(NamedTuple):
    """What a ratio, or our own figure in the row's unit, has to be.

    Attributes:
        of: ``"ratio"`` for ours / theirs, ``"ours"`` for our figure.
        at_most: The most that its median may be, or None.
        at_least: The least that its median may be, or None.
    """

    of: Literal["ratio", "ours"]
    at_most: float | None = None
    at_least: float | None = None

    def is_met_by(self, value: float) -> bool:
        """Whether a median is within both bounds."""
        within = self.at_most is None or value <= self.at_most
        return within and (self.at_least is None or value >= self.at_least)


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison, or one figure that has no peer.

    Attributes:
        benchmark: The name that ``--only`` takes; its group is the heading that the row stands under.
        what: Which work, and on which state.
        clock: ``"cpu"`` for the CPU time of the process, ``"wall"`` for time that passed, ``"-"`` for no time.
        unit: ``"us"`` or ``"ms"``, a unit of work, where there is a clock; else what is counted, as ``"MB"``.
        ours: Our cost in that unit.
        peer: Who is compared; empty for nobody.
        theirs: The peer's cost in that unit, or None.
        ratio: Ours / theirs, round by round; its median is that of the rounds. None without a peer.
        target: What was promised, or None.
    """

    benchmark: str
    what: str
    clock: Clock
    unit: str
    ours: Spread
    peer: str = ""
    theirs: Spread | None = None
    ratio: Spread | None = None
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if self.target is None:
            return None
        spread = self.ratio if self.target.of == "ratio" else self.ours
        return spread is not None and self.target.is_met_by(spread.median)


def compare(
    benchmark: str,
    what: str,
    costs: tuple[Sequence[Cost], Sequence[Cost]],
    *,
    clock: Clock,
    unit: str,
    peer: str = "mmengine",
    target: Target | None = None,
) -> Row:
    """Return the row of our costs and a peer's, which were measured in the same rounds."""
    ours, theirs = ([getattr(cost, f"{clock}_s") * SCALE[unit] for cost in side] for side in costs)
    return compare_figures(benchmark, what, (ours, theirs), clock=clock, unit=unit, peer=peer, target=target)


def compare_figures(
    benchmark: str,
    what: str,
    figures: tuple[Sequence[float], Sequence[float]],
    *,
    clock: Clock = "-",
    unit: str,
    peer: str = "mmengine",
    target: Target | None = None,
) -> Row:
    """Return the row of our figures and a peer's, one of each a round, in the unit."""
    ours, theirs = (Spread.of(side) for side in figures)
    ratios = Spread.of([our / their for our, their in zip(*figures, strict=True)])
    return Row(benchmark, what, clock, unit, ours, peer, theirs, ratios, target)


def figure(
    benchmark: str,
    what: str,
    values: Sequence[float],
    *,
    clock: Clock = "-",
    unit: str,
    target: Target | None = None,
) -> Row:
    """Return the row of figures of our own, one a round."""
    return Row(benchmark, what, clock, unit, Spread.of(values), target=target)


def render(rows: Sequence[Row]) -> str:
    """Return the table as text: a heading a group, a line a row, ``median (lowest..highest)``, and the verdict."""
    cells = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    lines = [_line(_HEAD, widths)]
    for title, members in groupby(
        zip(rows, cells, strict=True), key=lambda pair: group_of(pair[0].benchmark)
    ):
        lines += ["", title, *(_line(line, widths) for _, line in members)]
    return "\n".join(lines)


def summary(rows: Iterable[Row]) -> str:
    """Return how many targets are met, in one line."""
    verdicts = [row.met for row in rows if row.met is not None]
    return f"{sum(verdicts)} of {len(verdicts)} targets met"


def in_groups(rows: Iterable[Row]) -> list[Row]:
    """Return the rows so that those of one group stand together, else in their order."""
    titles = list(GROUPS)
    return sorted(rows, key=lambda row: _place(titles, group_of(row.benchmark)))


def to_json(rows: Iterable[Row]) -> str:
    """Return the rows, and the machine that they are from, as one JSON object: ``{"machine": {}, "rows": [{}]}``.

    A row has the fields of `Row`, its spreads as ``{"median": 1.0, "low": 1.0, "high": 1.0}`` and its target as
    ``["ratio", at_most, at_least]``, and besides them ``group`` and ``met``. What does not apply is null.
    """
    data = {
        "machine": machine(),
        "rows": [{**asdict(row), "group": group_of(row.benchmark), "met": row.met} for row in rows],
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def machine() -> dict[str, Any]:
    """Return what a figure cannot be read without."""
    packages = ("mmengine", "numpy", "opentelemetry-sdk", "structlog", "torch")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        **{package: version(package) for package in packages},
    }


def _place(titles: Sequence[str], title: str) -> int:
    return titles.index(title) if title in titles else len(titles)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"  {row.what}",
        row.clock,
        f"{_spread(row.ours)} {row.unit}",
        row.peer or "-",
        f"{_spread(row.theirs)} {row.unit}" if row.theirs else "-",
        _spread(row.ratio) if row.ratio else "-",
        _target(row),
        {True: "met", False: "MISSED", None: ""}[row.met],
    )


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)}..{_number(spread.high)})"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _target(row: Row) -> str:
    if row.target is None:
        return "-"
    unit = "" if row.target.of == "ratio" else f" {row.unit}"
    bounds = {"<=": row.target.at_most, ">=": row.target.at_least}
    return ", ".join(f"{sign} {_number(bound)}{unit}" for sign, bound in bounds.items() if bound is not None)
