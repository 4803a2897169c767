"""The spans of a runner's life: train, its epochs, val, test, checkpoints."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from otel_mmlog.core.progress import Mode
from otel_mmlog.core.runner_progress import has_train_loop
from otel_mmlog.otel.semconv import loop_span
from otel_mmlog.otel.spans import OpenSpan, RunSpans


class LoopSpans:
    """Opens and closes them as the runner calls its methods and hooks.

    The val loop runs behind the hooks of its epoch: an epoch lasts until the next one, or until training ends.

    Args:
        spans: Of the run.
    """

    def __init__(self, spans: RunSpans) -> None:
        self._spans = spans
        self._epoch: OpenSpan | None = None
        self._loops: dict[str, OpenSpan] = {}
        self._began_train = False

    @property
    def is_open(self) -> bool:
        """Whether the runner is in one of its loops."""
        return bool(self._loops)

    @contextmanager
    def method(self, mode: Mode, runner: Any) -> Iterator[None]:
        """Time ``Runner.train``, ``val`` or ``test`` whole, with all that is built for it."""
        span = self._open(mode, runner)
        try:
            yield
        except BaseException as error:
            self._close(mode, span, error)
            raise
        self._close(mode, span)

    def begin(self, mode: Mode, runner: Any) -> None:
        """Note a hook that begins a loop: a val loop inside of training, and some runner's train, have no method."""
        if self._is_closed(mode):
            self._open(mode, runner)
            self._began_train = self._began_train or mode == "train"

    def end(self, mode: Mode) -> None:
        """Note the hook ``after_val`` or ``after_test``."""
        span = self._loops.get(mode)
        if span is not None:
            self._close(mode, span)

    def end_train(self) -> None:
        """Note the hook ``after_train``; the method lasts longer, if there is one."""
        self.end_epoch()
        if self._began_train:
            self.end("train")

    def begin_epoch(self, runner: Any) -> None:
        """Note the hook ``before_train_epoch``; a loop that counts iterations is one epoch, and has no span for it."""
        self.end_epoch()
        if not counts_iterations(runner):
            at = position_of(runner)
            self._epoch = self._spans.open(
                loop_span("epoch"), {"epoch": at["epoch"] + 1} if "epoch" in at else {}
            )

    def end_epoch(self) -> None:
        """End the epoch that is open, if one is."""
        if self._epoch is not None:
            self._epoch.close()
            self._epoch = None

    @contextmanager
    def checkpoint(self, name: str, attributes: Mapping[str, Any]) -> Iterator[OpenSpan]:
        """Time the saving or loading of a checkpoint."""
        with self._spans.open(name, attributes) as span:
            yield span

    def _is_closed(self, mode: Mode) -> bool:
        return mode not in self._loops or self._loops[mode].closed

    def _open(self, mode: Mode, runner: Any) -> OpenSpan:
        attributes = position_of(runner) if has_train_loop(runner) else {}
        span = self._loops[mode] = self._spans.open(loop_span(mode), attributes)
        return span

    def _close(self, mode: Mode, span: OpenSpan, error: BaseException | None = None) -> None:
        if mode == "train":
            if error is None:
                self.end_epoch()
            self._epoch = None
            self._began_train = False
            self._loops.clear()  # a val loop that raised has called no hook
        span.close(error)
        self._loops.pop(mode, None)


def position_of(runner: Any) -> dict[str, int]:
    """Epoch and iteration, each where the runner's train loop has one: a loop of the user's need not."""
    position = {}
    for name in ("epoch", "iter"):
        try:
            position[name] = int(getattr(runner, name))
        except Exception:  # noqa: BLE001 - a property of the user's that fails costs one attribute
            continue
    return position


def counts_iterations(runner: Any) -> bool:
    """Whether the runner's train loop is one long epoch."""
    from mmengine.runner import IterBasedTrainLoop  # noqa: PLC0415 - this module does not load MMEngine by itself

    return isinstance(runner._train_loop, IterBasedTrainLoop)
