"""One loop that is under way, and what the loops need of a run."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, Protocol

from otel_mmlog.core.progress import Mode, Progress

EndSpan = Callable[[], None]

MODES: tuple[Mode, ...] = ("train", "val", "test")


class LoopSink(Protocol):
    """What the loops need of a run."""

    def emit(self, kind: str, progress: Progress, windows: Mapping[str, int] | None = None) -> None:
        """Make a record and send it on its way."""

    def end_iteration(self) -> None:
        """Note that an iteration is over."""

    def begin_loop(self, mode: Mode) -> None:
        """Note that a loop begins."""

    def end_loop(self, mode: Mode) -> None:
        """Note that a loop is over."""

    def open_span(self, name: str, attributes: Mapping[str, Any]) -> EndSpan:
        """Open a span; the returned call ends it, and does nothing the second time."""


@dataclass(slots=True)
class Loop:
    """One pass over a loader that is under way, or whose summary is still open.

    Attributes:
        mode: What runs.
        loader_len: Batches of the loader, or None if it has no length.
        done: Batches whose iteration is over.
        unreported: Train iterations since the last record.
        touched: Whether something was logged since the last batch was handed out.
        mark_s: When the current iteration began, by the monotonic clock.
        data_time_s: What the current batch took to arrive.
        totals: For each history, how many values it had when the loop began.
        totals_at_end: The same when the loop ended; empty while it runs.
    """

    mode: Mode
    loader_len: int | None
    totals: dict[str, int]
    end_span: EndSpan
    done: int = 0
    unreported: int = 0
    touched: bool = False
    mark_s: float = field(default_factory=time.perf_counter)
    data_time_s: float = 0.0
    totals_at_end: dict[str, int] = field(default_factory=dict)
    closed: bool = False


def length_of(loader: Iterable[Any]) -> int | None:
    """Batches of a loader, or None if it has no length."""
    if not isinstance(loader, Sized):
        return None
    try:
        length = len(loader)
    except TypeError:  # a DataLoader over an iterable dataset has a __len__ that raises
        return None
    return length if 0 <= length < math.inf else None


def set_epoch(loader: Iterable[Any], epoch: int) -> None:
    """Let a distributed sampler shuffle anew, as MMEngine's iteration-based loop does."""
    set_sampler_epoch = getattr(getattr(loader, "sampler", None), "set_epoch", None)
    if callable(set_sampler_epoch):
        set_sampler_epoch(epoch)


def end_nothing() -> None:
    """End of a span that was never opened."""
