"""What a step of a real Runner costs with everything on, against plain mmengine: each training in a fresh process.

Ours writes text, JSON and the journal besides what mmengine writes, and has the spans of the loops.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.harness import Cost
from tests.benchmarks.table import Clock, Row, Target, compare

NAME = "runner"
LONG = "runner_long"
_ROOT = Path(__file__).parents[2]
_PROGRAM = (str(Path(__file__).with_name("training.py")),)
_WAYS = {
    "plain": (_PROGRAM, "plain"),
    "one line": (_PROGRAM, "ours"),
    "zero-code": (("-m", "otel_mmlog", "run", *_PROGRAM), "plain"),
    "flat_history": (_PROGRAM, "flat"),
}
_CLOCKS: tuple[Clock, ...] = ("cpu", "wall")
_NOT_SLOWER = Target("ratio", 1.0)


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of trainings of 1e3 iterations."""
    yield from _race(NAME, 20 if quick else 1000, rounds=1 if quick else 5)


def long_rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of trainings of 1e4 and 1e5 iterations, which take minutes."""
    yield from _race(LONG, 20 if quick else 10_000, rounds=1 if quick else 5)
    if not quick:
        yield from _race(LONG, 100_000, rounds=1)


def _race(benchmark: str, iterations: int, rounds: int) -> Iterator[Row]:
    costs: dict[str, list[Cost]] = {name: [] for name in _WAYS}
    names = list(_WAYS)
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(rounds):
            for name in (names * 2)[round_ % len(names) :][: len(names)]:
                costs[name].append(_train(name, Path(folder, f"{name} {round_}"), iterations))
    for name in names[1:]:
        for clock in _CLOCKS:
            yield compare(
                benchmark,
                f"a step of {iterations:,}, {name}",
                (costs[name], costs["plain"]),
                clock=clock,
                unit="us",
                target=_NOT_SLOWER,
            )


def _train(name: str, work_dir: Path, iterations: int) -> Cost:
    program, processor = _WAYS[name]
    subprocess.run(
        [sys.executable, *program, str(work_dir), processor, str(iterations)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return Cost(*json.loads((work_dir / "cost.json").read_text()))
