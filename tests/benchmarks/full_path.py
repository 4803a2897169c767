"""What logging costs a training step, all in: eight scalars a step, a record every ten.

Ours writes text, JSON and the journal (metrics and log); mmengine its text and its two JSON files, with its own
hooks. Neither prints. Steps are timed in the middle of a loop that goes on, so no start and no end is in them.
"""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import otel_mmlog
from tests.benchmarks import theirs
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.scalars import EIGHT, HISTORIES, TIMES, keys, label, prefill, varied_steps
from tests.benchmarks.table import Row, Target, compare

NAME = "full_path"
INTERVAL = 10
_NAMES = keys([*TIMES, *EIGHT])
_TARGET = Target("ratio", 1 / 4)


class OurSteps:
    """Steps of our training loop.

    Args:
        run: The run that logs.
        batches: The loop, under way.
        length: Values in each history before each run.
        steps: How many steps a run has, a multiple of the interval.
        by_hub: Whether a step calls ``run.hub.update_scalar`` for each scalar, and not ``run.log`` once for all.
    """

    def __init__(
        self, run: otel_mmlog.Run, batches: Iterator[int], *, length: int, steps: int, by_hub: bool
    ) -> None:
        self._run = run
        self._batches = batches
        self._length = length
        self._steps = steps
        self._step = self._update if by_hub else run.log
        self._values = itertools.cycle(varied_steps(keys(EIGHT) if by_hub else list(EIGHT)))

    def prepare(self) -> None:
        prefill(self._run.hub, _NAMES, self._length, otel_mmlog.HistoryBuffer)
        self._go(INTERVAL)

    def run(self) -> int:
        self._go(self._steps)
        return self._steps

    def _go(self, steps: int) -> None:
        for _ in itertools.islice(self._batches, steps):
            self._step(next(self._values))

    def _update(self, values: dict[str, float]) -> None:
        for key, value in values.items():
            self._run.hub.update_scalar(key, value)


class TheirSteps:
    """Steps of mmengine's training loop, with the hub calls that its hooks make."""

    def __init__(self, training: theirs.Training, *, length: int, steps: int) -> None:
        self._training = training
        self._length = length
        self._steps = steps
        self._values = itertools.cycle(varied_steps(keys(EIGHT)))

    def prepare(self) -> None:
        prefill(self._training.hub, _NAMES, self._length, theirs.HistoryBuffer)
        self._go(INTERVAL)

    def run(self) -> int:
        self._go(self._steps)
        return self._steps

    def _go(self, steps: int) -> None:
        for _ in range(steps):
            self._training.step(next(self._values))


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        training = theirs.Training("full_path", Path(folder), INTERVAL)
        with otel_mmlog.init("full_path", work_dir=folder, by_epoch=False, console=False) as run:
            batches = run.train(range(theirs.MAX_ITERS), max_iters=theirs.MAX_ITERS)
            contestants = _contestants(run, batches, training, quick=quick)
            costs = race(contestants, 1 if quick else 9)
        training.close()
    for length, clock in itertools.product(HISTORIES, ("cpu", "wall")):
        yield _row("log", length, costs, clock)
    for length in HISTORIES:
        yield _row("hub", length, costs, "cpu")


def _contestants(
    run: otel_mmlog.Run, batches: Iterator[int], training: theirs.Training, *, quick: bool
) -> dict[str, Contestant]:
    contestants: dict[str, Contestant] = {}
    for length in HISTORIES:
        steps = 2 * INTERVAL if quick else 20 * INTERVAL
        for way in ("log", "hub"):
            contestants[f"{way} {length}"] = OurSteps(
                run, batches, length=length, steps=steps, by_hub=way == "hub"
            )
        their_steps = min(steps, INTERVAL * max(1, 1_000_000 // length))
        contestants[f"theirs {length}"] = TheirSteps(training, length=length, steps=their_steps)
    return contestants


def _row(way: str, length: int, costs: dict[str, Any], clock: Any) -> Row:
    call = {"log": "run.log", "hub": "update_scalar"}[way]
    return compare(
        NAME,
        f"a step by {call}, history {label(length)}",
        (costs[f"{way} {length}"], costs[f"theirs {length}"]),
        clock=clock,
        unit="us",
        target=_TARGET,
    )
