"""Ranks that write to one folder: what its start and a step cost each of them."""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

_ROOT = Path(__file__).parents[2]
_TURNS = 3
Process = subprocess.Popen[str]


class RankCost(NamedTuple):
    """CPU time of the median rank, in seconds."""

    start_s: float
    step_s: float


def rank_cost(ranks: int) -> RankCost:
    """Return what so many ranks cost in a new folder, all of them open, as many at work at once as there are cores.

    With more at once each would pay for filling the caches anew whenever it gets a core back, whoever writes where.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        ExitStack() as processes,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        program = [
            sys.executable,
            "-m",
            "tests.benchmarks.rank_process",
            str(Path(folder, "work")),
            str(ranks),
        ]
        started = list(pool.map(_start, ([*program, str(rank)] for rank in range(ranks))))
        for process, _ in started:
            processes.enter_context(process)
        steps_s = [
            step_s for _ in range(_TURNS) for step_s in pool.map(_turn, [process for process, _ in started])
        ]
        return RankCost(median(start_s for _, start_s in started), median(steps_s))


def _start(program: list[str]) -> tuple[Process, float]:
    process = subprocess.Popen(program, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, _answer(process)


def _turn(process: Process) -> float:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: Process) -> float:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a rank ended early, with exit code {process.wait()}")
    return float(json.loads(line))
