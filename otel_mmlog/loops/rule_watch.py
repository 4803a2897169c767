"""Tells which rules of ``custom_cfg`` wait for a scalar that nobody logs, as soon as that is certain."""

from collections.abc import Callable

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.processor_base import ProcessorBase
from otel_mmlog.core.progress import MODES, Mode, mode_of
from otel_mmlog.core.unseen import unseen_warning


class RuleWatch:
    """Checks each kind of source once, when the loops that may log it have run.

    ``val/x`` is due after the first val loop, ``train/x`` after the first epoch. A bare name may be of either: it
    is due when both have run. What is logged behind a train loop still counts, so an epoch is over when the next
    begins; where iterations count, the first val loop inside the train loop is late enough.

    Args:
        hub: Where the scalars are.
        processor: Has the rules.
        tell: Takes the warning.
    """

    def __init__(self, hub: MessageHub, processor: ProcessorBase, tell: Callable[[str], None]) -> None:
        self._hub = hub
        self._processor = processor
        self._tell = tell
        self._begun: set[Mode] = set()
        self._ended: set[Mode] = set()
        self._checked: set[Mode | None] = set()

    def begin_loop(self, mode: Mode) -> None:
        """Note that a loop begins; before the second train loop the first epoch is over."""
        self._begun.add(mode)
        if mode == "train" and "train" in self._ended:
            self._check_train()

    def end_loop(self, mode: Mode) -> None:
        """Note that a loop has ended, with all that was logged behind it if it is a val or test loop."""
        self._ended.add(mode)
        if mode == "train":
            return
        self._check({mode})
        if "train" in self._begun and not self._processor.by_epoch:
            self._check_train()

    def close(self) -> None:
        """Note that nothing will be logged any more."""
        if self._has_trained():  # evaluation alone logs no train scalars, and need not
            self._check({"train", None})

    def _check_train(self) -> None:
        if self._has_trained():
            self._check({"train", None} if "val" in self._ended else {"train"})

    def _has_trained(self) -> bool:
        return any(key.startswith("train/") for key in list(self._hub.log_scalars))

    def _check(self, kinds: set[Mode | None]) -> None:
        kinds = kinds - self._checked
        self._checked |= kinds
        unseen = self._processor.unseen_sources(self._hub, MODES) if kinds else ()
        unseen = tuple(source for source in unseen if mode_of(source.data_src) in kinds)
        if unseen:
            modes = [mode for mode in MODES if mode in self._begun] or ["train"]
            self._tell(unseen_warning(unseen, modes))
