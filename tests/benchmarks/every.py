"""What ``steps="every"`` costs a training step: each raw value kept, read, encoded and in the journal.

Of a raw value all that it adds is counted, to the same run without it; what a record costs is the whole path's.
The slowed step is compared with one that logs nothing.
"""

import itertools
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import otel_mmlog
from tests.benchmarks.endpoint import calibrate, work
from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.harness import Contestant, Cost, race
from tests.benchmarks.scalars import EIGHT, varied_steps
from tests.benchmarks.table import Clock, Row, Target, compare, figure

NAME = "every"
_STEP_S = 0.001
_MOST_US = 1.5
_SLOWED = 1.02
_CLOCKS: tuple[Clock, ...] = ("cpu", "wall")


class Steps:
    """Steps that work and log eight scalars, in the middle of a run.

    Args:
        folder: Of the runs.
        logged: ``steps`` of the run; None to log nothing.
        steps: How many are timed.
        amount: Of work a step.
        opened: What any of them opened, closed before the next: a process has one run.
    """

    def __init__(
        self,
        folder: Path,
        logged: Literal["records", "every"] | None,
        steps: int,
        *,
        amount: int,
        opened: ExitStack,
    ) -> None:
        self._folder = folder
        self._logged = logged
        self._steps = steps
        self._amount = amount
        self._open = opened
        self._values = itertools.cycle(varied_steps(list(EIGHT)))

    def prepare(self) -> None:
        self._open.close()
        if self._logged is not None:
            work_dir = self._folder / uuid.uuid4().hex
            self._run = otel_mmlog.init(
                "every",
                work_dir=work_dir,
                by_epoch=False,
                interval=INTERVAL,
                console=False,
                steps=self._logged,
            )
            self._open.callback(self._run.close)
            self._batches = self._run.train(itertools.count())
            self._go(10 * INTERVAL)

    def run(self) -> int:
        self._go(self._steps)
        return self._steps

    def _go(self, steps: int) -> None:
        if self._logged is None:
            for _ in range(steps):
                work(self._amount)
            return
        for _ in itertools.islice(self._batches, steps):
            work(self._amount)
            self._run.log(next(self._values))


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        costs = _race(Path(folder), 0, 100 if quick else 3000, 1 if quick else 9)
        yield from _value_rows(costs["records"], costs["every"])
        amount = calibrate(_STEP_S)
        slowed = _race(Path(folder), amount, 50 if quick else 500, 1 if quick else 9)
    for logged, clock in itertools.product(("every", "records"), _CLOCKS):
        yield compare(
            NAME,
            f"a 1 ms step, steps='{logged}'",
            (slowed[logged], slowed["bare"]),
            clock=clock,
            unit="us",
            peer="nothing logged",
            target=Target("ratio", _SLOWED) if logged == "every" else None,
        )


def _race(folder: Path, amount: int, steps: int, rounds: int) -> dict[str, list[Cost]]:
    with ExitStack() as opened:
        contestants: dict[str, Contestant] = {
            "bare": Steps(folder, None, steps, amount=amount, opened=opened),
            "records": Steps(folder, "records", steps, amount=amount, opened=opened),
            "every": Steps(folder, "every", steps, amount=amount, opened=opened),
        }
        return race(contestants, rounds)


def _value_rows(records: Sequence[Cost], every: Sequence[Cost]) -> Iterator[Row]:
    pairs = zip(every, records, strict=True)
    added_us = [(with_raw.cpu_s - without.cpu_s) / len(EIGHT) * 1e6 for with_raw, without in pairs]
    target = Target("ours", _MOST_US)
    yield figure(NAME, "added by a raw value, all in", added_us, clock="cpu", unit="us", target=target)
    whole_us = [cost.cpu_s / len(EIGHT) * 1e6 for cost in every]
    yield figure(NAME, "a value with its share of the step and the record", whole_us, clock="cpu", unit="us")
