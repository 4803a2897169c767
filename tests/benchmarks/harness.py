"""Times contestants in turn, so that a busy machine slows all of them alike."""

import gc
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Contestant(Protocol):
    """Something that can do one kind of work again and again."""

    def prepare(self) -> None:
        """Get ready for the next `run`; not timed."""

    def run(self) -> int:
        """Do the work, timed, and return how many units of it."""


class Cost(NamedTuple):
    """What one unit of work took, in seconds: by the wall clock, and of CPU in this process."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeats, the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


def race(contestants: Mapping[str, Contestant], repeats: int) -> dict[str, list[Cost]]:
    """Run all contestants in each round, each round begun by another one.

    Args:
        contestants: Name -> contestant.
        repeats: Rounds, at least 1.

    Returns:
        Name -> one cost a round.
    """
    names = list(contestants)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for round_ in range(repeats):
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            costs[name].append(_time(contestants[name]))
    return costs


def _time(contestant: Contestant) -> Cost:
    contestant.prepare()
    gc.collect()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    units = contestant.run()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return Cost(wall_s / units, cpu_s / units)
