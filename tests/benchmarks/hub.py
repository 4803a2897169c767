"""What eight ``update_scalar`` calls cost, by how many values the histories hold."""

import uuid
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

from otel_mmlog import HistoryBuffer, MessageHub
from tests.benchmarks import theirs
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.scalars import EIGHT, HISTORIES, keys, label, prefill
from tests.benchmarks.table import Row, Target, compare

NAME = "hub"
_VALUES = dict(zip(keys(EIGHT), EIGHT.values(), strict=True))


class Updates:
    """Steps of eight updates on hubs that are filled anew before.

    Args:
        hub_class: Ours or mmengine's.
        history_class: Ours or mmengine's.
        length: Values in each history before.
        steps: Steps on each hub.
        hubs: How many hubs take them, one after the other.
    """

    def __init__(
        self,
        hub_class: Callable[[str], Any],
        history_class: Callable[[Any, Any], Any],
        *,
        length: int,
        steps: int,
        hubs: int = 1,
    ) -> None:
        self._hub_class = hub_class
        self._history_class = history_class
        self._length = length
        self._steps = steps
        self._count = hubs
        self._hubs: list[Any] = []

    def prepare(self) -> None:
        self._hubs = [self._hub_class(uuid.uuid4().hex) for _ in range(self._count)]
        for hub in self._hubs:
            prefill(hub, list(_VALUES), self._length, self._history_class)

    def run(self) -> int:
        items = list(_VALUES.items())
        for hub in self._hubs:
            for _ in repeat(None, self._steps):
                for key, value in items:
                    hub.update_scalar(key, value)
        return self._steps * self._count


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    contestants: dict[str, Contestant] = {}
    for length in HISTORIES:
        contestants[f"ours {length}"] = _ours(length, quick=quick)
        steps = max(3, (300_000 if quick else 3_000_000) // length)
        contestants[f"theirs {length}"] = Updates(
            theirs.MessageHub, theirs.HistoryBuffer, length=length, steps=min(steps, 300)
        )
    costs = race(contestants, 1 if quick else 9)
    shortest, longest = HISTORIES[0], HISTORIES[-1]
    for ours, theirs_ in [(length, shortest) for length in HISTORIES] + [
        (length, length) for length in HISTORIES[1:]
    ]:
        yield compare(
            NAME,
            f"history {label(ours)}, theirs {label(theirs_)}",
            (costs[f"ours {ours}"], costs[f"theirs {theirs_}"]),
            clock="cpu",
            unit="us",
            target=Target("ratio", 1 / 10) if theirs_ == shortest else None,
        )
    yield compare(
        NAME,
        f"history {label(longest)} against {label(shortest)}",
        (costs[f"ours {longest}"], costs[f"ours {shortest}"]),
        clock="cpu",
        unit="us",
        peer="ourselves",
        target=Target("ratio", 1.2),
    )


def _ours(length: int, *, quick: bool) -> Updates:
    """Take so many steps that each history moves to a larger buffer once: its cost is in the figure."""
    steps = 200 if quick else length // 8 + 64
    least = 1_000 if quick else 20_000
    return Updates(MessageHub, HistoryBuffer, length=length, steps=steps, hubs=-(-least // steps))
