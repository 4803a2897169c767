"""What a hub with long histories adds to a checkpoint: bytes, and the time of ``state_dict`` and ``torch.save``."""

import io
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import torch

from otel_mmlog import HistoryBuffer, MessageHub
from tests.benchmarks import theirs
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.scalars import EIGHT, HISTORIES, keys, label, prefill
from tests.benchmarks.table import Row, Target, compare, compare_figures

NAME = "checkpoint"
_NAMES = keys(EIGHT)
_STEPS_BETWEEN = 1000
_FRESH, _NEXT, _THEIRS = "first", "next", "mmengine's"


class Saves:
    """Checkpoints of a hub.

    Args:
        make_hub: Returns a hub with its histories.
        fresh: Whether each is the first of a new hub; else one was made before, as in a training under way.
    """

    def __init__(self, make_hub: Callable[[], Any], *, fresh: bool) -> None:
        self._make_hub = make_hub
        self._fresh = fresh
        self._hub: Any = None
        self.size_bytes = 0

    def prepare(self) -> None:
        if self._fresh or self._hub is None:
            self._hub = self._make_hub()
        if not self._fresh:
            self.run()
            for name in _NAMES * _STEPS_BETWEEN:
                self._hub.update_scalar(name, 0.5)

    def run(self) -> int:
        file = io.BytesIO()
        torch.save(self._hub.state_dict(), file)
        self.size_bytes = file.tell()
        return 1


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    length = HISTORIES[1 if quick else -1]
    saves = {
        _FRESH: Saves(lambda: _filled(MessageHub, HistoryBuffer, length), fresh=True),
        _NEXT: Saves(lambda: _filled(MessageHub, HistoryBuffer, length), fresh=False),
        _THEIRS: Saves(lambda: _filled(theirs.MessageHub, theirs.HistoryBuffer, length), fresh=True),
    }
    contestants: dict[str, Contestant] = {**saves}
    costs = race(contestants, 1 if quick else 5)
    what = f"8 histories of {label(length)}"
    yield compare_figures(
        NAME,
        f"{what}, size",
        ([saves[_NEXT].size_bytes / 1e6], [saves[_THEIRS].size_bytes / 1e6]),
        unit="MB",
        target=Target("ours", 1.0),
    )
    for name, way in ((_NEXT, "in a training that has saved before"), (_FRESH, "the first of a hub")):
        yield compare(
            NAME,
            f"{what}, {way}",
            (costs[name], costs[_THEIRS]),
            clock="wall",
            unit="ms",
            target=Target("ours", 5.0),
        )


def _filled(hub_class: Callable[[str], Any], history_class: Callable[[Any, Any], Any], length: int) -> Any:
    hub = hub_class(uuid.uuid4().hex)
    prefill(hub, _NAMES, length, history_class)
    return hub
