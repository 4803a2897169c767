"""Which loop, iteration and record the scalars of one ``run.log`` call belong to."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode
from otel_mmlog.core.shown import shown
from otel_mmlog.loops.loops import Loops
from otel_mmlog.loops.scalars import ScalarLog
from otel_mmlog.loops.told import TellOnce


class ScalarRouter:
    """Hands scalars to the hub, and tells the loops about them.

    Args:
        hub: Where the scalars are.
        scalars: Puts them there.
        loops: Know what runs.
        tell: Takes one sentence a kind of mistake.
        begin_free: Called before the first scalars outside of any loop.
    """

    def __init__(
        self,
        hub: MessageHub,
        scalars: ScalarLog,
        loops: Loops,
        *,
        tell: TellOnce,
        begin_free: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._scalars = scalars
        self._loops = loops
        self._tell = tell
        self._begin_free = begin_free
        self._free_begun = False

    def log(self, values: Mapping[str, Any], count: Any, step: Any) -> None:
        """Take what `Run.log` was given; a wrong count costs the call, a wrong step itself."""
        if not _is_count(count):
            self._tell(
                "count",
                f"run.log: count is {shown(count)}, but it is a whole number above 0; the call is left out",
            )
            return
        if step is not None:
            step = self._checked_step(step)
        mode = self._loops.mode
        if mode is None:
            self._log_free(values, count, step)
            return
        if mode != "train" and self._loops.is_behind_inner:
            values = self._without_known_to_train(values, count)
        taken, others = self._scalars.put(mode, values, count)
        if taken:
            self._loops.touch()
        for other, part in others.items():
            self._log_aside(other, part, count, None)

    def _log_free(self, values: Mapping[str, Any], count: int, step: int | None) -> None:
        """Log outside of any loop, where any name without a mode is train's."""
        if not self._free_begun:
            self._free_begun = True
            self._begin_free()
        self._loops.begin_free(step)
        taken, others = self._scalars.put("train", values, count)
        if taken:
            self._loops.count_free(step)
        for mode, part in others.items():
            self._log_aside(mode, part, count, step)

    def _log_aside(self, mode: Mode, values: Mapping[str, Any], count: int, step: int | None) -> None:
        """Log scalars of a mode whose loop does not run."""
        totals = self._loops.totals(mode)
        taken, _ = self._scalars.put(mode, values, count)
        if taken and mode == "train":
            self._loops.touch_train()
        elif taken:
            self._loops.report_aside(mode, totals, step)

    def _without_known_to_train(self, values: Mapping[str, Any], count: int) -> Mapping[str, Any]:
        """Behind an inner val loop, give train what it has logged before, and return the rest."""
        known = {name: value for name, value in values.items() if f"train/{name}" in self._hub.log_scalars}
        if not known:
            return values
        self._log_aside("train", known, count, None)
        return {name: value for name, value in values.items() if name not in known}

    def _checked_step(self, step: Any) -> int | None:
        """The step as an int, or None if it cannot be one or has no place here."""
        if not self._loops.takes_steps:
            self._tell(
                "step", "run.log: step is for scalars outside of loops, which count by themselves; ignored"
            )
            return None
        number = _whole(step)
        if number is None or number < 0:
            self._tell(
                "wrong step", f"run.log: step is {shown(step)}, but it is a whole number from 0; ignored"
            )
            return None
        return number


def _is_count(value: Any) -> bool:
    """Whether it is a whole number above 0, of Python, numpy or torch."""
    if value.__class__ is int:
        return bool(value > 0)
    number = _whole(value)
    return number is not None and number > 0


def _whole(value: Any) -> int | None:
    """A whole number of Python, numpy or torch as an int; None for anything else, True and False included."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except Exception:  # noqa: BLE001 - any object may be given and raise anything; the caller tells
        return None
