"""A loop that somebody else runs: a framework that calls back at the beginning and the end of each step."""

import time
from collections.abc import Callable

from otel_mmlog.loops.state import Loop


class DrivenLoop:
    """Counts and times the steps of a framework's loop.

    A step that is over stays open for scalars until the next one begins: frameworks log behind their steps.

    Args:
        loop: The loop, which has begun.
        end_batch: Counts an iteration, and closes the record that may be due.
        begin_epoch: Counts an epoch.
        end: Ends the loop.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        end_batch: Callable[[Loop], None],
        begin_epoch: Callable[[], None],
        end: Callable[[Loop], None],
    ) -> None:
        self._loop = loop
        self._end_batch = end_batch
        self._begin_epoch = begin_epoch
        self._end = end
        loop.idle = True
        self._waits_since_s = loop.mark_s

    @property
    def closed(self) -> bool:
        """Whether the loop is over."""
        return self._loop.closed

    @property
    def length(self) -> int | None:
        """Batches of the loop, or None if unknown."""
        return self._loop.loader_len

    @length.setter
    def length(self, length: int | None) -> None:
        self._loop.loader_len = length

    def skip(self, steps: int) -> None:
        """Count steps of this loop as done before: an earlier attempt has made and counted them."""
        self._loop.done += steps

    def begin_epoch(self) -> None:
        """Begin the next epoch of a train loop that goes over several; the step before it is counted."""
        self.count_step()
        self._begin_epoch()

    def begin_step(self) -> None:
        """Note that a batch has arrived; the step before it is counted."""
        arrived_s = time.perf_counter()
        self.count_step()
        self._loop.idle = False
        self._loop.data_time_s = arrived_s - self._waits_since_s
        self._loop.mark_s = self._waits_since_s

    def end_step(self) -> None:
        """Note that the work of a step is over; without a `begin_step`, the wait for its batch is part of it."""
        if self._loop.idle:
            self.begin_step()
        now_s = time.perf_counter()
        self._loop.elapsed_s = now_s - self._loop.mark_s
        self._loop.touched = True
        self._waits_since_s = now_s

    def count_step(self) -> None:
        """Count the step that is over, or was begun: nothing is logged of it any more."""
        if not self._loop.idle:
            self._end_batch(self._loop)
            self._loop.idle = True

    def resume(self) -> None:
        """Note that what was done since `end_step` (logging, validation, a checkpoint) was no wait for data."""
        self._waits_since_s = time.perf_counter()

    def close(self) -> None:
        """End the loop; a step that is over is counted, one that is not is left out."""
        self._end(self._loop)
