"""Scalars outside of any loop: each call is an iteration of its own, or belongs to that which ``step`` names."""

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.loops.position import Position
from otel_mmlog.loops.state import LoopSink
from otel_mmlog.loops.windows import Unshown, new_values


class FreeSteps:
    """Counts iterations without a loop, and closes a record at each interval.

    Args:
        hub: Where the scalars are.
        sink: Takes the records.
        at: Where training stands; moved on.
        unshown: Which train scalars are new.
        interval: Iterations from one record to the next.
        ignore_last: Whether the last, partial interval is left out.
    """

    def __init__(
        self,
        hub: MessageHub,
        sink: LoopSink,
        at: Position,
        unshown: Unshown,
        *,
        interval: int,
        ignore_last: bool,
    ) -> None:
        self._hub = hub
        self._sink = sink
        self._at = at
        self._unshown = unshown
        self._interval = interval
        self._ignore_last = ignore_last
        self._unreported = 0
        self._open_step: int | None = None

    def begin(self, step: int | None) -> None:
        """End the iteration that was named before, unless this step is the same."""
        if step is None or step != self._open_step:
            self.close_step()

    def count(self, step: int | None) -> None:
        """Count an iteration; calls that name the same step one after the other add up to one."""
        if step is not None and step == self._open_step:
            return
        self._at.iter = self._at.iter + 1 if step is None else step
        self._unreported += 1
        if step is None:
            self._report_if_due()
        else:
            self._open_step = step

    def report(self, mode: Mode, totals: dict[str, int], step: int | None) -> None:
        """Close a record of val or test scalars.

        Args:
            mode: ``"val"`` or ``"test"``.
            totals: How many values their histories had before.
            step: The iteration they belong to, or None for the present one.
        """
        if step is not None:
            self._at.iter = step
        self.report_at(self._at.iter, mode, totals)

    def report_at(self, iteration: int, mode: Mode, totals: dict[str, int]) -> None:
        """Close such a record of an iteration, and leave where training stands alone."""
        epoch = self._at.epoch
        progress = Progress(mode, by_epoch=False, epoch=epoch, iter=iteration, batch_idx=0, in_loop=False)
        self._sink.emit("epoch", progress, new_values(self._hub, mode, totals))

    def close_step(self) -> None:
        """End the iteration that `step` named: nothing can be added to it any more."""
        if self._open_step is not None:
            self._open_step = None
            self._report_if_due()

    def close(self) -> None:
        """End the last interval, which may be a partial one."""
        self.close_step()
        if self._unreported and not self._ignore_last:
            self._report()
        self._unreported = 0

    def _report_if_due(self) -> None:
        if self._unreported >= self._interval:
            self._report()

    def _report(self) -> None:
        self._unreported = 0
        at = self._at
        batch_idx = max(at.iter - 1, 0)
        progress = Progress("train", by_epoch=False, epoch=at.epoch, iter=at.iter, batch_idx=batch_idx)
        self._sink.emit("iter", progress, self._unshown.take())
