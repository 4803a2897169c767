"""A row of the table: what something costs us, what it costs another, and whether that is the target."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal, NamedTuple

from tests.benchmarks.harness import Cost, Spread

Clock = Literal["cpu", "wall", "-"]
SCALE = {"us": 1e6, "ms": 1e3}


class Target(NamedTuple):
    """The most that a ratio may be, or that we may cost, in the row's unit."""

    of: Literal["ratio", "ours"]
    at_most: float


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison, or one figure that has no peer.

    Attributes:
        benchmark: The name that ``--only`` takes.
        what: Which work, and on which state.
        clock: ``"cpu"`` for the CPU time of the process, ``"wall"`` for time that passed, ``"-"`` for no time.
        unit: ``"us"`` or ``"ms"``, a unit of work, in a comparison; any in a figure without a peer.
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
        return spread is not None and spread.median <= self.target.at_most


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
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return Row(
        benchmark, what, clock, unit, Spread.of(ours), peer, Spread.of(theirs), Spread.of(ratios), target
    )


def figure(benchmark: str, what: str, values: Sequence[float], *, clock: Clock = "-", unit: str) -> Row:
    """Return the row of figures of our own, one a round."""
    return Row(benchmark, what, clock, unit, Spread.of(values))


def render(rows: Iterable[Row]) -> str:
    """Return the table as text, one line a row: ``median (lowest..highest)``, and the verdict."""
    head = ("what", "clock", "ours", "peer", "theirs", "ours / theirs", "target", "")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def to_json(rows: Iterable[Row]) -> str:
    """Return the rows, and the machine that they are from, as one JSON object."""
    data = {"machine": machine(), "rows": [{**asdict(row), "met": row.met} for row in rows]}
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


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.benchmark}: {row.what}",
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
    if row.target.of == "ratio":
        return f"<= {row.target.at_most:.3g}"
    return f"<= {row.target.at_most:.3g} {row.unit}"
