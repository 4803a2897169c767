"""Training processes whose clocks run a hundred times as fast, so that minutes of training pass in seconds.

From the moment that all are told to begin, until `LEAD_S` seconds later, each second of theirs is a hundredth of a real
one, and they begin in the past; then their clocks are right, and they hold still until they are told to end. What they
write is what a run of that length writes: timestamps, step times and pauses agree with each other.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import environment, python_command

LEAD_S = 5.0
FACTOR = 100
_TRAIN = """
import sys, time
from pathlib import Path

real_time, end_s = time.time, None

def now():
    real_s = real_time()
    return end_s - (end_s - real_s) * FACTOR if end_s and real_s < end_s else real_s

time.time = time.monotonic = time.perf_counter = now
time.time_ns = lambda: int(now() * 1e9)

import otel_mmlog

name, work_dir, rank, step_s, diverges, delay_s, beside = sys.argv[1:]
rank, folder = int(rank), Path(work_dir)

def in_step(number):
    "Wait for the other rank, as a collective does."
    (folder / f"at{rank}").write_text(f"{number} ")
    other = folder / f"at{beside}"
    while not (folder / "end").exists() and (not other.exists() or int(other.read_text() or 0) < number):
        time.sleep(0.002)

def steps():
    number = 0
    while real_time() < end_s:
        number += 1
        yield number
    while not (folder / "end").exists():
        time.sleep(0.01)

folder.mkdir(exist_ok=True)
with otel_mmlog.init(name, work_dir=work_dir, interval=2, console=False) as run:
    print("ready", flush=True)
    end_s = float(sys.stdin.readline())
    time.sleep(max(0.0, end_s - LEAD_S + float(delay_s) - real_time()))
    for number in run.train(steps()):
        time.sleep(float(step_s))
        if beside:
            in_step(number)
        run.log(loss=float("nan") if diverges and number > 10 else 1.0)
        for _ in run.val(range(number == 14)):
            run.log(accuracy=0.5)
""".replace("LEAD_S", str(LEAD_S)).replace("FACTOR", str(FACTOR))


@dataclass(frozen=True, slots=True)
class RankPlan:
    """What a rank does.

    Attributes:
        step_s: Real seconds of a step.
        diverges: Whether its loss becomes NaN.
        delay_s: Real seconds until it begins to train.
        stops_s: Real seconds until it is stopped with SIGSTOP; None if never.
        beside: The rank that it waits for in each step, or an empty string.
    """

    step_s: float = 0.02
    diverges: bool = False
    delay_s: float = 0.0
    stops_s: float | None = None
    beside: str = ""


@dataclass(frozen=True, slots=True)
class FastRun:
    """A run whose ranks are processes of this machine."""

    work_dir: Path
    plans: Sequence[RankPlan]
    ranks: "Sequence[subprocess.Popen[str]]"

    def end(self) -> None:
        """Let it end as runs do, the stopped ranks too."""
        (self.work_dir / "end").touch()
        for rank in self.ranks:
            rank.send_signal(signal.SIGCONT)
        for rank in self.ranks:
            _, error = rank.communicate(timeout=20)
            assert rank.returncode == 0, error[-4000:]


@contextmanager
def fast_runs(folder: Path, **plans: Sequence[RankPlan]) -> Iterator[list[FastRun]]:
    """Runs by their names, at the moment at which their clocks are right again; killed if they did not end."""
    runs = [_start(folder, name, ranks) for name, ranks in plans.items()]
    try:
        for run in runs:
            for rank in run.ranks:
                assert rank.stdout
                assert rank.stdout.readline() == "ready\n", rank.communicate()[1]
        _live(runs, time.time())
        yield runs
    finally:
        for rank in (rank for run in runs for rank in run.ranks if rank.poll() is None):
            rank.kill()
            rank.communicate()


def _start(folder: Path, name: str, plans: Sequence[RankPlan]) -> FastRun:
    work_dir = folder / name
    processes = [_start_rank(name, work_dir, rank, plan, len(plans)) for rank, plan in enumerate(plans)]
    return FastRun(work_dir, plans, processes)


def _start_rank(
    name: str, work_dir: Path, rank: int, plan: RankPlan, world_size: int
) -> "subprocess.Popen[str]":
    arguments = (name, work_dir, rank, plan.step_s, "nan" if plan.diverges else "", plan.delay_s, plan.beside)
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world_size)}
    return subprocess.Popen(
        python_command(_TRAIN, *arguments),
        env=environment({**place, "OTEL_MMLOG_RUN_ID": f"run-{name}"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _live(runs: Sequence[FastRun], began_s: float) -> None:
    """Tell all to begin, and stop those whose plan says so when it is their time."""
    ranks = [(plan, rank) for run in runs for plan, rank in zip(run.plans, run.ranks, strict=True)]
    for _, rank in ranks:
        assert rank.stdin
        rank.stdin.write(f"{began_s + LEAD_S}\n")
        rank.stdin.flush()
    stops = sorted((plan.stops_s, rank.pid) for plan, rank in ranks if plan.stops_s is not None)
    for stops_s, pid in stops:
        time.sleep(max(0.0, began_s + stops_s - time.time()))
        os.kill(pid, signal.SIGSTOP)
    time.sleep(max(0.0, began_s + LEAD_S - time.time()))
