"""What the senders of a machine's ranks cost together, and what starting one costs its caller."""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.delivery import variables
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.receivers import fake, real_or_fake
from tests.benchmarks.start_close import OurStart
from tests.benchmarks.table import Row, Target, compare, figure

NAME = "senders"
RANKS = 8
_ROOT = Path(__file__).parents[2]
_AT_ONCE = {"OTEL_MMLOG_CLOSE_TIMEOUT": "0", "OTEL_MMLOG_LINGER": "0"}
_SCHEDULED = 2  # of a process: the kernel's numbers for such clocks, as clock_getcpuclockid(3) gives them
_SPEAKER = """
import itertools, sys, time
import otel_mmlog
from tests.benchmarks.scalars import EIGHT, varied_steps

def batches():
    due_s = time.monotonic()
    for number in itertools.count():
        due_s += 80 / 640 if number else 0
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield number

run = otel_mmlog.init("machine", work_dir=sys.argv[1], interval=1, console=False)
values = itertools.cycle(varied_steps(list(EIGHT)[:6]))  # data_time, time, iter and epoch make it ten points
for number in run.train(batches()):
    run.log(next(values))
    if number == 1:
        run.flush(30)
        print("ready", flush=True)
"""


class Used(NamedTuple):
    """What processes have used up to now, all together: CPU in seconds, and memory as it is, PSS in bytes."""

    cpu_s: float
    pss_bytes: int


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    ranks, windows, window_s = (2, 1, 0.5) if quick else (RANKS, 3, 6.0)
    with tempfile.TemporaryDirectory() as folder:
        yield from _machine(Path(folder), ranks, windows, window_s)
        yield from _starts(Path(folder), quick=quick)


def _machine(folder: Path, ranks: int, windows: int, window_s: float) -> Iterator[Row]:
    shares, sizes_mb = [], []
    with real_or_fake(folder) as receiver, _senders(folder / "run", ranks, receiver.http) as pids:
        time.sleep(window_s / 2)  # what starting cost is over
        for _ in range(windows):
            began_s, before = time.perf_counter(), _used(pids)
            time.sleep(window_s)
            after = _used(pids)
            shares.append((after.cpu_s - before.cpu_s) / (time.perf_counter() - began_s) * 100)
            sizes_mb.append(after.pss_bytes / 1e6)
    what = f"{ranks} senders together, http/json to {receiver.name}"
    yield figure(NAME, f"{what}: CPU", shares, clock="cpu", unit="% of a core", target=Target("ours", 3.0))
    yield figure(NAME, f"{what}: PSS", sizes_mb, unit="MB", target=Target("ours", 100.0))


@contextmanager
def _senders(work_dir: Path, ranks: int, endpoint: str) -> Iterator[list[int]]:
    """The pids of the senders of so many ranks that log until this is over."""
    run_id = uuid.uuid4().hex
    with ExitStack() as speakers:
        started = [
            speakers.enter_context(_speaker(work_dir, rank, ranks, endpoint, run_id)) for rank in range(ranks)
        ]
        for speaker in started:
            if speaker.stdout is None or speaker.stdout.readline() != "ready\n":
                raise RuntimeError("a rank has not come up")
        pids = _children({str(speaker.pid) for speaker in started})
        if len(pids) != ranks:
            raise RuntimeError(f"{ranks} ranks have {len(pids)} senders")
        yield pids


@contextmanager
def _speaker(
    work_dir: Path, rank: int, ranks: int, endpoint: str, run_id: str
) -> Iterator["subprocess.Popen[str]"]:
    environ = {
        **os.environ,
        **_AT_ONCE,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_MMLOG_RUN_ID": run_id,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29500",
    }
    command = [sys.executable, "-c", _SPEAKER, str(work_dir)]
    with subprocess.Popen(command, cwd=_ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _children(parents: set[str]) -> list[int]:
    """The processes that these have started: a rank of ours starts its sender, and nothing else."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if _parent(pid) in parents]


def _used(pids: Sequence[int]) -> Used:
    return Used(sum(map(_cpu_s, pids)), sum(map(_pss_bytes, pids)))


def _parent(pid: int) -> str:
    """The pid of a process's parent; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _cpu_s(pid: int) -> float:
    """The CPU time of a process by its own clock: `stat` counts in hundredths of a second."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


def _pss_bytes(pid: int) -> int:
    """The memory of a process; what it shares counts by its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024


class _Start(OurStart):
    """``init`` with some variables.

    Args:
        folder: Of the runs.
        environ: The variables.
        opened: What any of them opened, closed before the next: else ``init`` would do that, timed.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], opened: ExitStack) -> None:
        super().__init__(folder)
        self._open = opened
        self._environ = environ

    def prepare(self) -> None:
        with variables(_AT_ONCE):
            super().prepare()

    def run(self) -> int:
        with variables({**_AT_ONCE, **self._environ}):
            return super().run()


def _starts(folder: Path, *, quick: bool) -> Iterator[Row]:
    with fake() as receiver, ExitStack() as opened:
        contestants: dict[str, Contestant] = {
            "with": _Start(folder, {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http}, opened),
            "without": _Start(folder, {}, opened),
        }
        costs = race(contestants, 1 if quick else 15)
        contestants["with"].prepare()
    yield compare(
        NAME,
        "init with an endpoint, imports done",
        (costs["with"], costs["without"]),
        clock="wall",
        unit="ms",
        peer="no endpoint",
    )
    pairs = zip(costs["with"], costs["without"], strict=True)
    added_ms = [(started.wall_s - bare.wall_s) * 1e3 for started, bare in pairs]
    yield figure(
        NAME,
        "added to init: the start of a sender, in its caller",
        added_ms,
        clock="wall",
        unit="ms",
        target=Target("ours", 5.0),
    )
