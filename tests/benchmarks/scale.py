"""How the cost of a step grows: with the scalars that it logs, with the rules, with the ranks in one folder.

A row for each point of a curve, named ``<curve>: <x>``, and one for what it comes to: what one more costs at the end of
a curve against its middle, or the whole against one rank.
"""

import itertools
import math
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import otel_mmlog
from tests.benchmarks import theirs
from tests.benchmarks.curves import NAME, RANKS, RULES, SCALARS, Curve, point_name
from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.harness import Contestant, Cost, race
from tests.benchmarks.scalars import varied_steps
from tests.benchmarks.scale_limits import limit_rows
from tests.benchmarks.scale_ranks import rank_cost
from tests.benchmarks.table import Row, Target, compare, figure

_WARM_STEPS = 2 * INTERVAL
_AT_MOST = Target("ratio", 1.5)
_WAYS: tuple[Mapping[str, Any], ...] = (
    {"method_name": "mean", "window_size": 100},
    {"method_name": "max", "window_size": 100},
    {"method_name": "min", "window_size": "global"},
    {"method_name": "mean", "window_size": "global"},
)


@dataclass(frozen=True, slots=True)
class Load:
    """What is logged: so many scalars a step, under so many rules."""

    scalars: int
    rules: int = 0

    @property
    def steps(self) -> int:
        """How many are timed at once, a multiple of the interval."""
        return INTERVAL * max(2, min(20, 2000 // (self.scalars + self.rules)))

    def values(self) -> Iterator[dict[str, float]]:
        """Return what each step logs, without end; of each scalar a record shows the mean."""
        return itertools.cycle(varied_steps([f"loss_{index}" for index in range(self.scalars)], INTERVAL))

    def custom_cfg(self) -> list[dict[str, Any]]:
        """Return the rules, which take the scalars and the statistics in turn."""
        return [
            {
                "data_src": f"loss_{index % self.scalars}",
                "log_name": f"rule_{index}",
                **_WAYS[index % len(_WAYS)],
            }
            for index in range(self.rules)
        ]


class OurSteps:
    """Steps of a training of ours that has just begun, each time a new one.

    Args:
        load: What is logged.
        folder: Of the files.
        opened: Closes the last training before the next begins, whosever it is.
    """

    def __init__(self, load: Load, folder: Path, opened: ExitStack) -> None:
        self._load = load
        self._folder = folder
        self._opened = opened

    def prepare(self) -> None:
        self._opened.close()
        self._values = self._load.values()
        self._run = self._opened.enter_context(
            otel_mmlog.init(
                "scale",
                work_dir=self._folder / uuid.uuid4().hex,
                by_epoch=False,
                interval=INTERVAL,
                console=False,
                custom_cfg=self._load.custom_cfg(),
            )
        )
        self._batches = self._run.train(range(theirs.MAX_ITERS), max_iters=theirs.MAX_ITERS)
        self._go(_WARM_STEPS)

    def run(self) -> int:
        self._go(self._load.steps)
        return self._load.steps

    def _go(self, steps: int) -> None:
        for _ in itertools.islice(self._batches, steps):
            self._run.log(next(self._values))


class TheirSteps:
    """Steps of mmengine's training; the same arguments."""

    def __init__(self, load: Load, folder: Path, opened: ExitStack) -> None:
        self._load = load
        self._folder = folder
        self._opened = opened

    def prepare(self) -> None:
        self._opened.close()
        self._values = (
            {f"train/{name}": value for name, value in values.items()} for values in self._load.values()
        )
        name = uuid.uuid4().hex
        folder = self._folder / name
        folder.mkdir()
        self._training = theirs.Training(name, folder, INTERVAL, self._load.custom_cfg())
        self._opened.callback(self._training.close)
        self._go(_WARM_STEPS)

    def run(self) -> int:
        self._go(self._load.steps)
        return self._load.steps

    def _go(self, steps: int) -> None:
        for values in itertools.islice(self._values, steps):
            self._training.step(values)


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    rounds = 1 if quick else 7
    scalars = (1, 10, 100) if quick else (1, 10, 100, 1000, 10_000)
    rules = (1, 10, 100) if quick else (1, 10, 100, 1000)
    yield from _curve_rows(SCALARS, {count: Load(count) for count in scalars}, rounds)
    yield from _curve_rows(RULES, {count: Load(10, count) for count in rules}, rounds)
    yield from limit_rows(NAME, Load(scalars[-1]).values(), scalars[-1])
    yield from _rank_rows((1, 2) if quick else (1, 2, 4, 8, 16, 32, 64), 1 if quick else 3)


def _curve_rows(curve: Curve, loads: Mapping[int, Load], rounds: int) -> Iterator[Row]:
    contestants: dict[str, Contestant] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        for x, load in loads.items():
            contestants[f"ours {x}"] = OurSteps(load, Path(folder), opened)
            contestants[f"theirs {x}"] = TheirSteps(load, Path(folder), opened)
        costs = race(contestants, rounds)
    for x in loads:
        sides = (costs[f"ours {x}"], costs[f"theirs {x}"])
        yield compare(NAME, point_name(curve, x), sides, clock="cpu", unit="us")
    first, *_, last = loads
    middle = list(loads)[len(loads) // 2]
    yield compare(
        NAME,
        f"{curve.name}, one more of {last:,} against one of {middle:,}",
        (
            _one_more(costs[f"ours {first}"], costs[f"ours {last}"], last - first),
            _one_more(costs[f"ours {first}"], costs[f"ours {middle}"], middle - first),
        ),
        clock="cpu",
        unit="us",
        peer="ourselves",
        target=_AT_MOST,
    )


def _one_more(fewer: Sequence[Cost], more: Sequence[Cost], apart: int) -> list[Cost]:
    return [
        Cost(*((high_s - low_s) / apart for low_s, high_s in zip(low, high, strict=True)))
        for low, high in zip(fewer, more, strict=True)
    ]


def _rank_rows(counts: Sequence[int], rounds: int) -> Iterator[Row]:
    starts: dict[int, list[Cost]] = {ranks: [] for ranks in counts}
    steps: dict[int, list[Cost]] = {ranks: [] for ranks in counts}
    for _ in range(rounds):
        for ranks in counts:
            cost = rank_cost(ranks)
            starts[ranks].append(Cost(math.nan, cost.start_s))
            steps[ranks].append(Cost(math.nan, cost.step_s))
    for ranks in counts:
        yield figure(
            NAME,
            point_name(RANKS, ranks),
            [cost.cpu_s * 1e6 for cost in steps[ranks]],
            clock="cpu",
            unit="us",
        )
    for what, costs, unit in (
        (RANKS.name, steps, "us"),
        ("a rank's start, by ranks in one folder", starts, "ms"),
    ):
        yield compare(
            NAME,
            f"{what}, {counts[-1]} against {counts[0]}",
            (costs[counts[-1]], costs[counts[0]]),
            clock="cpu",
            unit=unit,
            peer="ourselves",
            target=_AT_MOST,
        )
