"""A server that is away for ten minutes while eight ranks train, and comes back."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.end_to_end.collectors import Ports, free_ports, local_collector
from tests.faults.endpoint.sink import sink
from tests.faults.endpoint.tally import Tally
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, conserved, unless
from tests.faults.training import Closed, Training, started

OUTAGE_S = 600
POINTS_PER_S = 500
"""Of a rank, as time is on its way; the trainings write as much as they would have, as fast as they can."""

POINTS_PER_RECORD = 12
RANKS = 8
FASTER = 10
"""How many times faster than it came in a backlog has to leave, if the server takes it."""

DRAIN_TIMEOUT_S = 400.0

Server = Callable[[Path, Ports], AbstractContextManager[Path]]


@dataclass(frozen=True, slots=True)
class Size:
    """How large an outage is.

    Attributes:
        ranks: Processes that train.
        seconds: How long the server is away.
    """

    ranks: int
    seconds: int

    @property
    def points(self) -> int:
        """What comes in meanwhile."""
        return self.ranks * self.seconds * POINTS_PER_S

    @property
    def steps(self) -> int:
        """Of each rank; every one has a record."""
        return self.seconds * POINTS_PER_S // POINTS_PER_RECORD


def survived(context: Context, server: Server, faster: int) -> Outcome:
    """Nothing is lost or double, every series arrives in order, and the backlog leaves faster than it came.

    Args:
        server: One life of it, in a new folder; gives the file in which it keeps what it takes.
        faster: How many times at least.
    """
    size = Size(2, 60) if context.is_short else Size(RANKS, OUTAGE_S)
    ports = free_ports()
    variables = {**ports.variables("http/json"), "OTEL_MMLOG_CLOSE_TIMEOUT": "60"}
    with ExitStack() as trainings, ThreadPoolExecutor(size.ranks) as pool:
        with server(context.folder / "first", ports) as first:
            ranks = [
                trainings.enter_context(
                    started(context.folder / "run", variables | _rank(each), pause_ms=0.0, interval=1)
                )
                for each in range(size.ranks)
            ]
            wrong = unless(_trained(pool, ranks, 50), "nothing was delivered before the outage")
        begun_s = time.monotonic()
        list(pool.map(lambda rank: rank.train(size.steps), ranks))
        away_s = time.monotonic() - begun_s
        with server(context.folder / "second", ports) as second:
            begun_s = time.monotonic()
            wrong += unless(_flushed(pool, ranks), "flush did not say that all was delivered")
            drained_s = time.monotonic() - begun_s
            closed = list(pool.map(Training.close, ranks))
    tally = Tally((first, second))
    points, rate = sum(each.produced["metrics"] for each in closed), size.points / drained_s
    note = f"{points:,} points came in {away_s:.0f} s and left in {drained_s:.0f} s: {rate:,.0f} a second"
    wrong += unless(points >= size.points, f"only {points:,} points were produced")
    wrong += unless(rate >= faster * size.ranks * POINTS_PER_S, f"drained at {rate:,.0f} points a second")
    wrong += _wrong_arrivals(closed, tally)
    sums = tally.sums(sum(sum(each.produced.values()) for each in closed))
    return Outcome(sums, None, max(each.close_s for each in closed), [*wrong, *conserved(sums)], note)


@contextmanager
def _sink(folder: Path, ports: Ports) -> Iterator[Path]:
    folder.mkdir()
    with sink(folder / "requests", ports.http):
        yield folder / "requests"


def _rank(number: int) -> dict[str, str]:
    return {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": "8", "OTEL_MMLOG_RUN_ID": "outage"}


def _trained(pool: ThreadPoolExecutor, ranks: Sequence[Training], steps: int) -> bool:
    """Whether everything arrived that the ranks logged."""
    list(pool.map(lambda rank: rank.train(steps), ranks))
    return _flushed(pool, ranks)


def _flushed(pool: ThreadPoolExecutor, ranks: Sequence[Training]) -> bool:
    return all(pool.map(lambda rank: rank.flush(DRAIN_TIMEOUT_S), ranks))


def _wrong_arrivals(closed: Sequence[Closed], tally: Tally) -> list[str]:
    refused = sum(sum(each.refused.values()) for each in closed)
    return [
        *unless(all(each.complete for each in closed), "close did not say that all was delivered"),
        *unless(refused == 0, f"{refused} items were not journalled"),
        *unless(tally.unordered == 0, f"{tally.unordered} points came after a newer one of their series"),
    ]


def _collector(context: Context) -> Outcome:
    # What a Collector needs for a point is more than a sender does, and here they share the machine.
    if shutil.which("otelcol") is None:
        return Outcome(note="not made: otelcol is not on PATH")
    return survived(context, local_collector, faster=1)


FAULTS: Sequence[Fault] = named(
    "outage",
    [
        Fault("ten-minutes", partial(survived, server=_sink, faster=FASTER)),
        Fault("ten-minutes-collector", _collector),
    ],
)
