"""The records of the loops: where a loop stands, and how long the rest will take."""

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Progress
from otel_mmlog.loops.position import Position
from otel_mmlog.loops.state import Loop, LoopSink
from otel_mmlog.loops.windows import Unshown, summary_windows


class LoopReports:
    """Closes records.

    Args:
        hub: Where the scalars are.
        sink: Takes the records.
        at: Where training stands.
        unshown: Which train scalars are new.
    """

    def __init__(self, hub: MessageHub, sink: LoopSink, at: Position, unshown: Unshown) -> None:
        self._hub = hub
        self._sink = sink
        self._at = at
        self._unshown = unshown
        self._time_sum_s = 0.0
        self._timed = 0

    def add_time(self, elapsed_s: float) -> None:
        """Take in how long a train iteration took."""
        self._time_sum_s += elapsed_s
        self._timed += 1

    def report(self, loop: Loop, *, in_train: bool) -> None:
        """Close the record of a train loop's interval; `in_train` is False where the loop is over.

        Where a framework runs the loop and has logged something in it, there is no record without anything new.
        """
        loop.unreported = 0
        windows = self._unshown.take() if loop.driven else None
        if windows is not None and _is_news(loop, windows):
            loop.has_told = True
        elif loop.has_told:
            return
        self._sink.emit("iter", self._progress(loop, in_train=in_train, eta_s=self._eta_s()), windows)

    def has_news(self, loop: Loop) -> bool:
        """Whether the framework that runs a loop has logged something since the last record."""
        return loop.driven and _is_news(loop, self._unshown.peek())

    def sum_up(self, loop: Loop, *, in_train: bool) -> None:
        """Close the record of a whole val or test loop; `in_train` says whether a train loop runs around it."""
        progress = self._progress(loop, in_train=in_train, eta_s=None)
        self._sink.emit("epoch", progress, summary_windows(self._hub, loop))

    def _progress(self, loop: Loop, *, in_train: bool, eta_s: float | None) -> Progress:
        return Progress(
            mode=loop.mode,
            by_epoch=self._at.by_epoch,
            epoch=self._at.epoch_of_train if in_train else self._at.epoch,
            iter=self._at.iter + loop.ahead,
            batch_idx=max(loop.done - 1, 0),
            loader_len=loop.loader_len,
            max_epochs=self._at.max_epochs,
            max_iters=self._at.max_iters,
            eta_s=eta_s,
        )

    def _eta_s(self) -> float | None:
        """Mean time of this attempt's iterations times the iterations to go, as mmengine's `IterTimerHook`."""
        if self._at.max_iters is None or not self._timed:
            return None
        return self._time_sum_s / self._timed * max(self._at.max_iters - self._at.iter, 0)


def _is_news(loop: Loop, windows: dict[str, int]) -> bool:
    """Whether anything beside the times of the loop itself is new."""
    return not windows.keys() <= {loop.time_key, loop.data_time_key}
