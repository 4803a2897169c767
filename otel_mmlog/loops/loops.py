"""Plain training loops: iterations, epochs, timing and what belongs to which record."""

import time
from collections.abc import Generator, Iterable

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode
from otel_mmlog.loops.driven import DrivenLoop
from otel_mmlog.loops.free_steps import FreeSteps
from otel_mmlog.loops.position import Position
from otel_mmlog.loops.reports import LoopReports
from otel_mmlog.loops.sized_iterator import SizedIterator
from otel_mmlog.loops.state import Batch, Loop, LoopSink, end_nothing, length_of
from otel_mmlog.loops.windows import Unshown, mode_totals


class Loops:
    """Follows the loops of a run and closes a record at each log interval.

    Args:
        hub: Where times and scalars go.
        sink: Takes the records and opens the spans.
        by_epoch: Whether the train loop counts epochs.
        interval: Train iterations from one record to the next.
        ignore_last: Whether the last, partial interval of a loop is left out, as MMEngine does.
    """

    def __init__(
        self, hub: MessageHub, sink: LoopSink, *, by_epoch: bool, interval: int, ignore_last: bool
    ) -> None:
        self._at = Position(by_epoch)
        self._hub = hub
        self._sink = sink
        self._interval = interval
        self._ignore_last = ignore_last
        self._unshown = Unshown(hub)
        self._free = FreeSteps(hub, sink, self._at, self._unshown, interval=interval, ignore_last=ignore_last)
        self._reports = LoopReports(hub, sink, self._at, self._unshown)
        self._active: list[Loop] = []
        self._summary: Loop | None = None
        self._last_train: Loop | None = None
        self._logged_behind_train = False

    @property
    def mode(self) -> Mode | None:
        """Where a scalar that is logged now belongs, or None outside of any loop."""
        if self._summary is not None:
            return self._summary.mode
        return self._active[-1].mode if self._active else None

    @property
    def is_behind_inner(self) -> bool:
        """Whether a val or test loop inside a train loop has just ended, and its summary is still open."""
        return self._summary is not None and self._running_train() is not None

    @property
    def takes_steps(self) -> bool:
        """Whether the caller may number iterations: the loops and `epochs` do it themselves."""
        return self.mode is None and self._at.epoch_under_way is None

    def epochs(self, n: int, start: int | None) -> SizedIterator[int]:
        """The epochs ``start`` to ``n - 1``; None starts at 0, or once where a loaded state ended."""
        first = self._at.first_epoch if start is None else start
        return SizedIterator(self._epochs(n, start), max(n - first, 0))

    def train(self, loader: Iterable[Batch], max_iters: int | None) -> SizedIterator[Batch]:
        """The batches of ``loader``; each that is followed by another is an iteration."""
        return SizedIterator(self._train(loader, max_iters), self._at.train_len(length_of(loader), max_iters))

    def evaluate(self, mode: Mode, loader: Iterable[Batch]) -> SizedIterator[Batch]:
        """The batches of a val or test loader; one summary stays open behind the last."""
        return SizedIterator(self._evaluate(mode, loader), length_of(loader))

    def drive(
        self,
        mode: Mode,
        length: int | None,
        *,
        max_iters: int | None,
        start: int | None,
        epoch: int | None,
        interval: int | None,
    ) -> DrivenLoop:
        """Begin a loop whose batches somebody else hands out."""
        loop = self._begin(mode, length)
        if mode == "train":
            self._at.go_to(start, epoch)
            self._at.begin_train(length, max_iters)
        loop.interval, loop.driven = interval, True
        return DrivenLoop(loop, end_batch=self._end_batch, begin_epoch=self._begin_epoch, end=self._end)

    def touch(self) -> None:
        """Note that a scalar of `mode` was logged."""
        if self._summary is None:
            self._active[-1].touch()
        elif not self._active:
            self._sink.end_iteration()  # behind the loop, when no iteration will end soon

    def touch_train(self) -> None:
        """Note that a train scalar was logged in a val or test loop: it belongs to the train iteration around it."""
        train = self._running_train()
        if train is not None:
            train.touch()
        else:
            self.count_free(None)

    def begin_free(self, step: int | None) -> None:
        """Close the records that scalars of this step, or of the next iteration, do not belong to."""
        if step is not None and step != self._at.iter:
            self._report_behind_train()
            self._last_train = None
        self._free.begin(step)

    def count_free(self, step: int | None) -> None:
        """Note that train scalars were logged outside of any train loop.

        Behind a train loop they belong to its last iteration, else to one of their own.

        Args:
            step: The number of their iteration, or None.
        """
        self._sink.end_iteration()
        if self._last_train is not None:
            self._logged_behind_train = True
        else:
            self._free.count(step)

    def report_aside(self, mode: Mode, totals: dict[str, int], step: int | None) -> None:
        """Close the record of val or test scalars that were logged outside of a loop of that mode.

        Args:
            mode: ``"val"`` or ``"test"``.
            totals: What `totals` returned before they were logged.
            step: The iteration they belong to, or None for the present one.
        """
        if self._running_train() is not None:
            self._free.report_at(self._at.iter + self._ahead(), mode, totals)
            return
        self._sink.end_iteration()
        self._free.report(mode, totals, step)

    def totals(self, mode: Mode) -> dict[str, int]:
        """How many values each history of a mode ever got."""
        return mode_totals(self._hub, mode)

    def settle(self) -> None:
        """Close what waits for more scalars: the summary of a val or test loop."""
        loop, self._summary = self._summary, None
        if loop is None:
            return
        if not self._active:
            self._sink.end_iteration()
        self._reports.sum_up(loop, in_train=self._running_train() is not None)
        self._sink.end_loop(loop.mode)

    def close(self) -> None:
        """End every loop that is still open, innermost first, with its partial record."""
        self._end_all()
        self.settle()
        self._report_behind_train()
        self._free.close()

    def state(self) -> dict[str, int]:
        """Where training stands: finished epochs and iterations, the one that runs if it has logged."""
        train = self._running_train()
        running = int(train is not None and train.touched)
        return {"epoch": self._at.epoch, "iter": self._at.iter + running}

    def finished(self) -> str:
        """The same in words: ``"3 epochs"``, or ``"70 iterations"`` in the middle of an epoch."""
        state = self.state()
        whole = self._at.by_epoch and state["epoch"] and self._running_train() is None
        return f"{state['epoch']} epochs" if whole else f"{state['iter']} iterations"

    def restore(self, epoch: int, iteration: int) -> None:
        """Go on from what `state` returned, and what the hub held then."""
        self._at.restore(epoch, iteration)
        self._unshown.skip()

    def _epochs(self, n: int, start: int | None) -> Generator[int, None, None]:
        first = self._at.begin_epochs(n, start)
        end_span = self._sink.open_span("train", {})
        try:
            for epoch in range(first, n):
                self._at.epoch = epoch
                self._at.epoch_under_way = epoch + 1
                end_epoch = self._sink.open_span("epoch", {"epoch": epoch + 1})
                try:
                    yield epoch
                finally:
                    self._end_all()
                    self.settle()
                    end_epoch()
                self._at.epoch = epoch + 1
        finally:
            self._report_behind_train()
            self._at.end_epochs()
            end_span()

    def _train(self, loader: Iterable[Batch], max_iters: int | None) -> Generator[Batch, None, None]:
        loop = self._begin("train", length_of(loader))
        loop.left = self._at.begin_train(loop.loader_len, max_iters)
        try:
            if loop.is_over():
                return
            for batch in loop.batches(loader, repeat=not self._at.by_epoch and max_iters is not None):
                yield batch
                self._end_batch(loop)
                if loop.is_over():  # before the loader is asked for a batch that nobody needs
                    break
        finally:
            self._end(loop)

    def _evaluate(self, mode: Mode, loader: Iterable[Batch]) -> Generator[Batch, None, None]:
        loop = self._begin(mode, length_of(loader))
        try:
            for batch in loop.batches(loader, repeat=False):
                yield batch
                self._end_batch(loop)
        finally:
            self._end(loop)

    def _begin(self, mode: Mode, length: int | None) -> Loop:
        self._end_left(mode)
        self.settle()
        if mode == "train":
            self._free.close()
        else:
            self._free.close_step()
        self._sink.begin_loop(mode)
        if mode == "train" and self._at.max_epochs is not None:
            end_span = end_nothing  # inside `epochs` the epoch's span covers the loop
        else:
            end_span = self._sink.open_span(mode, {"epoch": self._at.epoch})
        loop = Loop(mode, length, self.totals(mode), end_span, self._ahead())
        self._active.append(loop)
        return loop

    def _begin_epoch(self) -> None:
        """End an epoch of a loop over several; what its framework has told since the last record is of this one."""
        self.settle()
        train = self._running_train()
        if train is not None and train.unreported and not self._ignore_last and self._reports.has_news(train):
            self._report(train)
        self._at.end_epoch()

    def _end_left(self, mode: Mode) -> None:
        """End the loops that were left while something holds their iterator: only val and test are inner loops."""
        for loop in [loop for loop in self._active if mode == "train" or loop.mode != "train"]:
            self._end(loop)

    def _end_batch(self, loop: Loop) -> None:
        if loop.closed:
            loop.done += 1
        elif loop.mode == "train":
            self._end_train_iteration(loop)
        else:
            self._end_iteration(loop)

    def _end_train_iteration(self, loop: Loop) -> None:
        if self._summary is not None:
            self.settle()
        self._reports.add_time(self._end_iteration(loop))
        self._at.iter += 1
        loop.unreported += 1
        count = loop.done if self._at.by_epoch else self._at.iter
        if count % (loop.interval or self._interval) == 0:
            self._report(loop)

    def _end_iteration(self, loop: Loop) -> float:
        elapsed_s = loop.end_iteration(self._hub)
        self._sink.end_iteration()
        return elapsed_s

    def _end_all(self) -> None:
        while self._active:
            self._end(self._active[-1])

    def _end(self, loop: Loop) -> None:
        if loop.closed:
            return
        loop.closed = True
        try:
            while self._active[-1] is not loop:  # an inner loop that was left by an exception
                self._end(self._active[-1])
            if loop.mode == "train":
                self._end_train(loop)
            else:
                if loop.touched:
                    self._end_iteration(loop)
                loop.totals_at_end = self.totals(loop.mode)
                self._summary = loop
        finally:
            self._active.remove(loop)
        if loop.mode != "train" and self._active:  # its time is not that of the train iteration around it
            self._active[-1].mark_s += time.perf_counter() - loop.began_s
        loop.end_span()

    def _end_train(self, loop: Loop) -> None:
        if loop.touched:
            self._end_train_iteration(loop)
        self.settle()
        # MMEngine logs the end of a loader that is shorter than the interval.
        reported_once = loop.done > loop.unreported
        is_left_out = self._ignore_last and reported_once
        if loop.unreported and not is_left_out:
            self._report(loop)
        if is_left_out or not loop.driven:
            self._unshown.skip()
        self._sink.end_loop("train")
        self._last_train = loop
        if self._at.by_epoch or loop.driven:
            self._at.end_epoch()

    def _running_train(self) -> Loop | None:
        return next((loop for loop in self._active if loop.mode == "train"), None)

    def _ahead(self) -> int:
        """1 inside of a train iteration, which is not counted yet; 0 between two and outside."""
        train = self._running_train()
        return int(train is not None and not train.idle)

    def _report(self, loop: Loop) -> None:
        self._logged_behind_train = False
        self._reports.report(loop, in_train=self._running_train() is not None)

    def _report_behind_train(self) -> None:
        """Close a last record if something was logged behind the train loop and no other train record has it."""
        if self._logged_behind_train and self._last_train is not None:
            self._report(self._last_train)
            self._unshown.skip()
