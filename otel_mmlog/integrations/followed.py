"""A training whose loops a framework runs, followed callback by callback."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from otel_mmlog.core.progress import Mode
from otel_mmlog.loops.driven import DrivenLoop
from otel_mmlog.loops.sized_iterator import SizedIterator
from otel_mmlog.otel.semconv import loop_span
from otel_mmlog.run import Run


class FollowedTraining:
    """Turns callbacks into the loops, records and spans of a run.

    What the framework leaves out is made up for: a step of an epoch that did not begin, or the end of a
    validation that was left by an exception.

    Args:
        run: Takes the records.
        interval: Train iterations from one record to the next, or None for the run's.
    """

    def __init__(self, run: Run, interval: int | None) -> None:
        self.run = run
        self._interval = interval
        self._train: DrivenLoop | None = None
        self._eval: DrivenLoop | None = None
        self._epochs: SizedIterator[int] | None = None
        self._length: int | None = None
        self._max_iters: int | None = None
        self._epoch = 0
        self._is_first = False
        self._epoch_span = ExitStack()
        self._has_epochs = False
        self._checkpoint = ExitStack()
        self._saves = False

    @property
    def evaluates(self) -> bool:
        """Whether a validation or test is under way."""
        return self._eval is not None and not self._eval.closed

    def begin(
        self,
        *,
        max_epochs: int | None = None,
        epoch: int = 0,
        length: int | None = None,
        max_iters: int | None = None,
    ) -> None:
        """Begin a training.

        Args:
            max_epochs: Epochs in all, or None if unknown.
            epoch: Epochs that were done before.
            length: Iterations of one epoch, or None if unknown.
            max_iters: Iterations in all, or None if unknown.
        """
        self.end()
        self._length, self._max_iters = length, max_iters
        self._epoch, self._is_first = epoch, True
        self._has_epochs = max_epochs is not None
        if self.run.by_epoch and max_epochs is not None:
            self._epochs = self.run.epochs(max_epochs, min(epoch, max_epochs))

    def begin_epoch(self, done: int | None = None) -> None:
        """Begin an epoch; in a run that counts iterations, one loop goes over all of them.

        Args:
            done: Iterations that were done before, or None to go on counting. The first epoch of a training may
                begin in its middle.
        """
        if self.run.by_epoch:
            self._end_train()
            if self._epochs is not None:
                next(self._epochs, None)
            self._train = self._drive(done)
            if self._is_first and done and self._length:
                self._train.skip(done % self._length)
            self._is_first = False
            return
        if self._train is None or self._train.closed:
            self._train = self._drive(done)
            self._is_first = False
        else:
            self._train.begin_epoch()
        self._time_epoch()

    def begin_step(self, done: int | None = None) -> None:
        """Note that a batch has arrived.

        Args:
            done: Iterations that were done before, where the step's epoch did not begin.
        """
        self.end_aside()
        if self._train is None or self._train.closed:
            self.begin_epoch(done)
        if self._train is not None:
            self._train.begin_step()

    def end_step(self) -> None:
        """Note that a step is over; what is logged before the next belongs to it."""
        if self._train is not None:
            self._train.end_step()

    def begin_eval(self, mode: Mode, length: int | None = None, *, more_to_log: bool = False) -> None:
        """Begin a validation or a test.

        Args:
            mode: Which.
            length: Its batches, or None if unknown.
            more_to_log: Whether more will be logged of the train step before it, whose record then waits for that.
        """
        self.end_aside()
        if not more_to_log:
            self.count_step()
        self._eval = self.run.drive(mode, length=length)

    def begin_eval_step(self) -> None:
        """Note that a batch of it has arrived."""
        if self._eval is not None:
            self._eval.begin_step()

    def end_eval_step(self, length: int | None = None) -> None:
        """Note that a step of it is over; its length may be known only now."""
        if self._eval is not None:
            if length is not None:
                self._eval.length = length
            self._eval.end_step()

    def begin_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Begin the saving of a checkpoint."""
        self.end_aside()
        self._saves = True
        self._checkpoint.enter_context(self.run.checkpoint(path))

    def end_aside(self) -> None:
        """End the validation or the saving that is under way; its time is none of the next step's."""
        loop, self._eval = self._eval, None
        if loop is not None or self._saves:
            self._saves = False
            self._checkpoint.close()
            self.resume()
        if loop is not None:
            loop.close()

    def count_step(self) -> None:
        """Count the train step that is over: nothing is logged of it any more."""
        if self._train is not None:
            self._train.count_step()

    def resume(self) -> None:
        """Note that from now on, the train loop waits for its next batch."""
        if self._train is not None:
            self._train.resume()

    def log(self, scalars: Mapping[str, Any], step: int | None = None) -> None:
        """Log scalars with their loop in front of their names.

        Args:
            scalars: Name -> number.
            step: The iteration they belong to outside of training; not looked at in it.
        """
        self.run.log(scalars, step=step if self.run.takes_steps else None)
        self.resume()

    def end(self) -> None:
        """End whatever is under way."""
        self.end_aside()
        self._end_train()
        epochs, self._epochs = self._epochs, None
        if epochs is not None:
            epochs.close()

    def _end_train(self) -> None:
        train, self._train = self._train, None
        self._epoch_span.close()
        if train is not None:
            train.close()

    def _time_epoch(self) -> None:
        """Begin the span of an epoch that is no loop of its own."""
        self._epoch_span.close()
        self._epoch += 1
        if self._has_epochs:
            self._epoch_span.enter_context(self.run.span(loop_span("epoch"), {"epoch": self._epoch}))

    def _drive(self, done: int | None) -> DrivenLoop:
        return self.run.drive(
            "train",
            length=self._length if self.run.by_epoch else None,
            max_iters=self._max_iters,
            start=done,
            epoch=self._epoch if self._is_first else None,
            interval=self._interval,
        )
