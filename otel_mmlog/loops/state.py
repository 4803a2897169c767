"""One loop that is under way, and what the loops need of a run."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode, Progress

Batch = TypeVar("Batch")
EndSpan = Callable[[], None]


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
        totals: For each history, how many values it had when the loop began.
        end_span: Ends the loop's span.
        ahead: 1 where it began inside of a train iteration, which is not counted yet, else 0.
        done: Batches whose iteration is over.
        unreported: Train iterations since the last record.
        left: Iterations to do, or None for all that the loader has.
        touched: Whether something was logged since the last batch was handed out.
        began_s: When the loop began, by the monotonic clock.
        mark_s: When the current iteration began.
        data_time_s: What the current batch took to arrive.
        totals_at_end: The totals when the loop ended; empty while it runs.
        closed: Whether the loop is over; its loader may go on, and counts no more.
        elapsed_s: What the current iteration took, where its work is over but scalars may still come; None if it runs.
        idle: Whether it is between two iterations: what is logged belongs to the one before, which is counted.
        interval: Train iterations from one record to the next, or None for the run's.
        driven: Whether a framework runs it, which logs what it wants to be in a record: others are MMEngine's, which
            have the latest value of every scalar.
        has_told: Whether a record of it had a scalar beside the times.
        data_time_key: The hub's name of what batches take to arrive.
        time_key: The hub's name of what iterations take.
    """

    mode: Mode
    loader_len: int | None
    totals: dict[str, int]
    end_span: EndSpan
    ahead: int = 0
    done: int = 0
    unreported: int = 0
    left: int | None = None
    touched: bool = False
    began_s: float = field(default_factory=time.perf_counter)
    mark_s: float = field(default_factory=time.perf_counter)
    data_time_s: float = 0.0
    totals_at_end: dict[str, int] = field(default_factory=dict)
    closed: bool = False
    elapsed_s: float | None = None
    idle: bool = False
    interval: int | None = None
    driven: bool = False
    has_told: bool = False
    data_time_key: str = field(init=False)
    time_key: str = field(init=False)

    def __post_init__(self) -> None:
        self.data_time_key = f"{self.mode}/data_time"
        self.time_key = f"{self.mode}/time"

    def is_over(self) -> bool:
        """Whether as many iterations were done as there were to do."""
        return self.left is not None and self.done >= self.left

    def touch(self) -> None:
        """A scalar was logged: in the iteration that runs, or behind the latest, which is then told of again."""
        if self.idle:
            self.unreported = max(self.unreported, 1)
        else:
            self.touched = True

    def batches(self, loader: Iterable[Batch], *, repeat: bool) -> Iterator[Batch]:
        """Yield the batches of one pass, or of as many as it takes until somebody stops."""
        for round_ in itertools.count():
            if round_:
                set_epoch(loader, round_)
            empty = True
            for batch in loader:
                empty = False
                self.data_time_s = time.perf_counter() - self.mark_s
                self.touched = False
                yield batch
            if empty or not repeat:
                return

    def end_iteration(self, hub: MessageHub) -> float:
        """Count an iteration, put its times into the hub, and return how many seconds it took."""
        now_s = time.perf_counter()
        elapsed_s = now_s - self.mark_s if self.elapsed_s is None else self.elapsed_s
        self.mark_s, self.elapsed_s = now_s, None
        hub.update_scalar(self.data_time_key, self.data_time_s)
        hub.update_scalar(self.time_key, elapsed_s)
        self.done += 1
        self.touched = False
        return elapsed_s


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
    """Let a distributed sampler, of items or of batches, shuffle anew, as MMEngine's iteration-based loop does."""
    for owner in (loader, getattr(loader, "batch_sampler", None)):
        set_sampler_epoch = getattr(getattr(owner, "sampler", None), "set_epoch", None)
        if callable(set_sampler_epoch):
            set_sampler_epoch(epoch)
            return


def end_nothing() -> None:
    """End of a span that was never opened."""
