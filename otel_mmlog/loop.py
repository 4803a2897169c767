"""Plain training loops: iterations, epochs, timing and what belongs to which record."""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.loop_state import Loop, LoopSink, end_nothing, length_of, set_epoch

Batch = TypeVar("Batch")


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
        self.epoch = 0
        self.iter = 0
        self._hub = hub
        self._sink = sink
        self._by_epoch = by_epoch
        self._interval = interval
        self._ignore_last = ignore_last
        self._max_epochs: int | None = None
        self._max_iters: int | None = None
        self._time_sum_s = 0.0
        self._timed = 0
        self._active: list[Loop] = []
        self._summary: Loop | None = None
        self._free_unreported = 0
        self._epoch_under_way: int | None = None
        self._first_epoch = 0

    @property
    def mode(self) -> Mode | None:
        """Where a scalar that is logged now belongs, or None outside of any loop."""
        if self._summary is not None:
            return self._summary.mode
        return self._active[-1].mode if self._active else None

    def epochs(self, n: int, start: int | None) -> Iterator[int]:
        """Yield the epochs ``start`` to ``n - 1``; None starts at 0, or once where a loaded state ended."""
        self._max_epochs = n
        first, self._first_epoch = self._first_epoch if start is None else start, 0
        end_span = self._sink.open_span("train", {})
        try:
            for epoch in range(first, n):
                self.epoch = epoch
                self._epoch_under_way = epoch + 1
                end_epoch = self._sink.open_span("epoch", {"epoch": epoch + 1})
                try:
                    yield epoch
                    self.settle()
                finally:
                    end_epoch()
                self.epoch = epoch + 1
        finally:
            self.settle()
            self._max_epochs = self._epoch_under_way = None
            end_span()

    def train(self, loader: Iterable[Batch], max_iters: int | None) -> Iterator[Batch]:
        """Yield the batches of ``loader``; each that is followed by another is an iteration."""
        loop = self._begin("train", loader)
        self._set_max_iters(loop, max_iters)
        try:
            if self._is_over(max_iters):
                return
            for batch in self._batches(loop, loader, repeat=not self._by_epoch and max_iters is not None):
                yield batch
                self._end_train_iteration(loop)
                if self._is_over(max_iters):  # before the loader is asked for a batch that nobody needs
                    break
        finally:
            self._end(loop)

    def evaluate(self, mode: Mode, loader: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches of a val or test loader, and leave one summary open behind the last."""
        started_s = time.perf_counter()
        loop = self._begin(mode, loader)
        try:
            for batch in self._batches(loop, loader, repeat=False):
                yield batch
                self._end_iteration(loop)
        finally:
            self._end(loop)
            self._forget_time_since(started_s)

    def touch(self) -> None:
        """Note that a scalar was logged."""
        if self._summary is None and self._active:
            self._active[-1].touched = True

    def count_free_iteration(self, step: int | None) -> None:
        """Count an iteration outside of any loop, and close a record if one is due."""
        self.settle()
        self.iter = self.iter + 1 if step is None else step
        self._free_unreported += 1
        if self._free_unreported >= self._interval:
            self._report_free()

    def report_free(self, mode: Mode, totals: Mapping[str, int], step: int | None) -> None:
        """Close the record of val or test scalars that were logged outside of any loop.

        Args:
            mode: ``"val"`` or ``"test"``.
            totals: What `totals` returned before they were logged.
            step: The iteration they belong to, or None for the present one.
        """
        if step is not None:
            self.iter = step
        windows = {name: total - totals.get(name, 0) for name, total in self.totals(mode).items()}
        progress = Progress(mode, by_epoch=False, epoch=self.epoch, iter=self.iter, batch_idx=0)
        self._sink.emit("epoch", progress, {name: window for name, window in windows.items() if window})

    def settle(self) -> None:
        """Close what waits for more scalars: the summary of a val or test loop."""
        loop, self._summary = self._summary, None
        if loop is not None:
            self._sink.emit("epoch", self._progress(loop, loop.done - 1), self._windows(loop))
            self._sink.end_loop(loop.mode)

    def close(self) -> None:
        """End every loop that is still open, innermost first, with its partial record."""
        while self._active:
            self._end(self._active[-1])
        self.settle()
        if self._free_unreported and not self._ignore_last:
            self._report_free()

    def state(self) -> dict[str, int]:
        """Where training stands: finished epochs and iterations."""
        return {"epoch": self.epoch, "iter": self.iter}

    def restore(self, state: Mapping[str, int]) -> None:
        """Go on from a `state`."""
        self.epoch = self._first_epoch = int(state["epoch"])
        self.iter = int(state["iter"])

    def _begin(self, mode: Mode, loader: Iterable[Any]) -> Loop:
        self.settle()
        self._sink.begin_loop(mode)
        if mode == "train" and self._max_epochs is not None:
            end_span = end_nothing  # inside `epochs` the epoch's span covers the loop
        else:
            end_span = self._sink.open_span(mode, {"epoch": self.epoch})
        loop = Loop(mode, length_of(loader), self.totals(mode), end_span)
        self._active.append(loop)
        return loop

    def _set_max_iters(self, loop: Loop, max_iters: int | None) -> None:
        if max_iters is None and loop.loader_len is not None:
            if not self._by_epoch:
                max_iters = self.iter + loop.loader_len
            elif self._max_epochs is not None:
                max_iters = self._max_epochs * loop.loader_len
        self._max_iters = max_iters

    def _batches(self, loop: Loop, loader: Iterable[Batch], *, repeat: bool) -> Iterator[Batch]:
        for round_ in itertools.count():
            if round_:
                set_epoch(loader, round_)
            empty = True
            for batch in loader:
                empty = False
                loop.data_time_s = time.perf_counter() - loop.mark_s
                loop.touched = False
                yield batch
            if empty or not repeat:
                return

    def _is_over(self, max_iters: int | None) -> bool:
        return max_iters is not None and self.iter >= max_iters

    def _end_train_iteration(self, loop: Loop) -> None:
        self.settle()
        elapsed_s = self._end_iteration(loop)
        self._time_sum_s += elapsed_s
        self._timed += 1
        self.iter += 1
        loop.unreported += 1
        count = loop.done if self._by_epoch else self.iter
        if count % self._interval == 0:
            self._report(loop)

    def _end_iteration(self, loop: Loop) -> float:
        now_s = time.perf_counter()
        elapsed_s, loop.mark_s = now_s - loop.mark_s, now_s
        self._hub.update_scalar(f"{loop.mode}/data_time", loop.data_time_s)
        self._hub.update_scalar(f"{loop.mode}/time", elapsed_s)
        loop.done += 1
        loop.touched = False
        self._sink.end_iteration()
        return elapsed_s

    def _end(self, loop: Loop) -> None:
        if loop.closed:
            return
        loop.closed = True
        while self._active[-1] is not loop:  # an inner loop that was left by an exception
            self._end(self._active[-1])
        if loop.mode == "train":
            self._end_train(loop)
        else:
            if loop.touched:
                self._end_iteration(loop)
            loop.totals_at_end = self.totals(loop.mode)
            self._summary = loop
        self._active.remove(loop)
        loop.end_span()

    def _end_train(self, loop: Loop) -> None:
        if loop.touched:
            self._end_train_iteration(loop)
        self.settle()
        if loop.unreported and not (self._ignore_last and self._reported_once(loop)):
            self._report(loop)
        self._sink.end_loop("train")
        if self._by_epoch:
            self.epoch = self._epoch_of_train()

    def _epoch_of_train(self) -> int:
        """The epoch that trains, from 1; inside `epochs` several train loops belong to one."""
        return self._epoch_under_way or self.epoch + 1

    def _reported_once(self, loop: Loop) -> bool:
        return (
            loop.done > loop.unreported
        )  # MMEngine logs the end of a loader that is shorter than the interval

    def _report(self, loop: Loop) -> None:
        loop.unreported = 0
        self._sink.emit("iter", self._progress(loop, loop.done - 1))

    def _report_free(self) -> None:
        self._free_unreported = 0
        progress = Progress(
            "train", by_epoch=False, epoch=self.epoch, iter=self.iter, batch_idx=max(self.iter - 1, 0)
        )
        self._sink.emit("iter", progress)

    def _progress(self, loop: Loop, batch_idx: int) -> Progress:
        in_train = any(active.mode == "train" for active in self._active)
        inner = int(in_train and loop.mode != "train")  # its train iteration and epoch are not counted yet
        return Progress(
            mode=loop.mode,
            by_epoch=self._by_epoch,
            epoch=self._epoch_of_train() if in_train else self.epoch,
            iter=self.iter + inner,
            batch_idx=max(batch_idx, 0),
            loader_len=loop.loader_len,
            max_epochs=self._max_epochs,
            max_iters=self._max_iters,
            eta_s=self._eta_s() if loop.mode == "train" else None,
        )

    def _eta_s(self) -> float | None:
        """Mean time of this attempt's iterations times the iterations to go, as mmengine's `IterTimerHook`."""
        if self._max_iters is None or not self._timed:
            return None
        return self._time_sum_s / self._timed * max(self._max_iters - self.iter, 0)

    def totals(self, mode: Mode) -> dict[str, int]:
        """How many values each history of a mode ever got."""
        prefix = f"{mode}/"
        return {
            name: history.total for name, history in self._hub.log_scalars.items() if name.startswith(prefix)
        }

    def _windows(self, loop: Loop) -> dict[str, int]:
        """How many of each history's latest values the summary is made of.

        What was logged right behind the loop stands for itself: an accuracy over the whole set is not
        averaged with those of single batches.
        """
        windows = {}
        for name, total in self.totals(loop.mode).items():
            behind = total - loop.totals_at_end.get(name, 0)
            within = total - loop.totals.get(name, 0)
            if within:
                windows[name] = behind or within
        return windows

    def _forget_time_since(self, started_s: float) -> None:
        """Keep the time of an inner val loop out of the train iteration around it."""
        if self._active:
            self._active[-1].mark_s += time.perf_counter() - started_s
