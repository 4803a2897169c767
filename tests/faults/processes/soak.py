"""A long training whose server goes away and comes back: neither it nor its sender grows, and all arrives."""

import math
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.end_to_end.servers import free_port, wait_until
from tests.faults.endpoint.sink import sink
from tests.faults.endpoint.tally import Tally
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, Sums, conserved, unless
from tests.faults.training import ENDPOINT, Closed, Training, sender_pids, started

POINTS_PER_S = 1000
POINTS_PER_STEP = 12
PAUSE_MS = 5.0
"""Of a step: a second's steps are made in half of it, and what a busy machine was late with is made up for."""

SHORT_S = 12.0
DEAD_AT_MOST_S = 1800.0
"""A journal is full one day."""

GROWTH_MIB = 50.0
DRAIN_S = 300.0
_MIB = 1024.0


class Sample(NamedTuple):
    """What a process has at a moment."""

    rss_mib: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Phases:
    """How many seconds a soak's parts take."""

    warm_up_s: float
    healthy_s: float
    dead_s: float
    back_s: float


def phases_of(context: Context) -> Phases:
    """A sixth to warm up, a sixth with the server, a third without it, and the rest with it again."""
    seconds = SHORT_S if context.minutes is None else context.minutes * 60
    dead_s = min(seconds / 3, DEAD_AT_MOST_S)
    return Phases(seconds / 6, seconds / 6, dead_s, seconds * 2 / 3 - dead_s)


class Watch:
    """Takes samples of processes, each in a list of its own for each part of the soak.

    Args:
        pids: The processes, by name.
        every_s: Seconds from one sample to the next.
    """

    def __init__(self, pids: dict[str, int], every_s: float) -> None:
        self._pids = pids
        self._every_s = every_s
        self.samples: dict[str, dict[str, list[Sample]]] = {name: {} for name in pids}

    @contextmanager
    def during(self, part: str) -> Iterator[None]:
        """Take samples until the end of the block, one at least."""
        stop = threading.Event()
        for samples in self.samples.values():
            samples[part] = []

        def take() -> None:
            while True:
                for name, pid in self._pids.items():
                    self.samples[name][part].append(sample(pid))
                if stop.wait(self._every_s):
                    return

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def growth_mib(self, name: str) -> float:
        """The most that a process had behind its warm-up, less the most that it had in it."""
        warm_up, *later = self.samples[name].values()
        most = max(each.rss_mib for part in later for each in part)
        return most - max(each.rss_mib for each in warm_up)

    def usual(self, name: str) -> list[tuple[int, int]]:
        """How many descriptors and threads a process has most of the time, in each part."""
        return [
            (
                statistics.mode(each.descriptors for each in part),
                statistics.mode(each.threads for each in part),
            )
            for part in self.samples[name].values()
        ]


def sample(pid: int) -> Sample:
    """Look at a process.

    Raises:
        OSError: It is gone.
    """
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Sample(
        int(status["VmRSS"].split()[0]) / _MIB,
        len(list((folder / "fd").iterdir())),
        len(list((folder / "task").iterdir())),
    )


def soaked(context: Context) -> Outcome:
    """Train with a server, without, and with it again."""
    phases, work_dir, port = phases_of(context), context.folder / "run", free_port()
    files = [context.folder / f"received{life}.jsonl" for life in range(2)]
    variables = {ENDPOINT: f"http://127.0.0.1:{port}", "OTEL_MMLOG_CLOSE_TIMEOUT": str(DRAIN_S)}
    with started(work_dir, variables, pause_ms=PAUSE_MS, interval=1) as training:
        assert wait_until(lambda: bool(sender_pids(work_dir)), 20), "there is no sender"
        (sender,) = sender_pids(work_dir)
        watch = Watch({"training": training.process.pid, "sender": sender}, context.pick(100, 1000) / 1000)
        begun_s = time.monotonic()
        with sink(files[0], port):
            _train(training, watch, "warm-up", phases.warm_up_s)
            _train(training, watch, "healthy", phases.healthy_s)
        _train(training, watch, "dead", phases.dead_s)
        with sink(files[1], port):
            _train(training, watch, "back", phases.back_s)
            trained_s = time.monotonic() - begun_s
            with watch.during("drained"):
                flushed = training.flush(DRAIN_S)
                time.sleep(1)
            same = sender_pids(work_dir) == [sender]
            closed = training.close()
    rate = closed.produced["metrics"] / trained_s
    wrong = unless(flushed and closed.complete, "not all was delivered in the end")
    wrong += unless(same, "the sender died")
    wrong += unless(context.is_short or rate >= POINTS_PER_S, f"there were only {rate:.0f} points a second")
    wrong += _too_large(watch)
    sums, lost = _arrived(closed, files)
    notes = [
        f"{name} {watch.growth_mib(name):+.1f} MiB, {_shown(watch.usual(name))}" for name in watch.samples
    ]
    note = f"{trained_s / 60:.1f} min, {rate:,.0f} points/s; " + "; ".join(notes)
    return Outcome(sums, None, closed.close_s, [*wrong, *lost], note)


def _train(training: Training, watch: Watch, part: str, seconds: float) -> None:
    """Let it train, a second's steps at a time."""
    begun_s = time.monotonic()
    with watch.during(part):
        for second in range(1, math.ceil(seconds) + 1):
            training.train(math.ceil(POINTS_PER_S / POINTS_PER_STEP))
            time.sleep(max(0.0, begun_s + second - time.monotonic()))


def _too_large(watch: Watch) -> list[str]:
    """What is wrong with how the processes grew."""
    wrong = []
    for name in watch.samples:
        growth, (_, *usual) = watch.growth_mib(name), watch.usual(name)
        wrong += unless(growth < GROWTH_MIB, f"the {name} grew by {growth:.0f} MiB")
        first, last = usual[0], usual[-1]
        wrong += unless(last[0] <= first[0], f"the {name} had {first[0]} descriptors, and then {last[0]}")
        wrong += unless(last[1] <= first[1], f"the {name} had {first[1]} threads, and then {last[1]}")
    return wrong


def _arrived(closed: Closed, files: Sequence[Path]) -> tuple[Sums, list[str]]:
    """The sums of what was received, and what is wrong with them."""
    tally = Tally(files)
    sums = tally.sums(sum(closed.produced.values()))
    return sums, [
        *conserved(sums),
        *unless(not closed.refused, f"items were not journalled: {dict(closed.refused)}"),
        *unless(tally.unordered == 0, f"{tally.unordered} points came after a newer one of their series"),
    ]


def _shown(usual: Sequence[tuple[int, int]]) -> str:
    """``10 descriptors and 1 thread``, or from what to what."""
    descriptors, threads = zip(*usual, strict=True)
    return f"{_range(descriptors)} descriptors, {_range(threads)} threads"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low}-{high}"


FAULTS: Sequence[Fault] = named("soak", [Fault("outage", soaked)])
