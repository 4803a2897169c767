"""Puts scalars that were logged one by one, and belong to one step of one loop, into one record."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from otel_mmlog.converting.foreign import position, scalar_event
from otel_mmlog.converting.names import ScalarNames
from otel_mmlog.core.line import epoch_line, iter_line
from otel_mmlog.core.progress import Mode
from otel_mmlog.core.record import LogEvent, Record

_LARGEST = 2**53
_OWN = ("iter", "epoch")


@dataclass
class _Step:
    step: int
    time_ns: int
    tags: dict[str, float] = field(default_factory=dict)


class Grouping:
    """Collects the scalars of the loops of a run.

    Args:
        logger: Under whose name the records go.
    """

    def __init__(self, logger: str) -> None:
        self._logger = logger
        self._names = ScalarNames()
        self._waiting: dict[Mode, _Step] = {}
        self._epoch = 0

    def put(self, name: str, default: Mode, step: int, time_ns: int, value: float) -> Iterator[LogEvent]:
        """Take a scalar; yields the record that is complete now, if there is one.

        Args:
            name: As it was logged.
            default: The loop of a name that tells none.
            step: Of the run.
            time_ns: Unix time in nanoseconds.
            value: May be NaN.
        """
        if name == "epoch" and 0 <= value < _LARGEST:
            self._epoch = int(value) + 1  # Lightning counts from 0
            return
        mode, tag = self._names(name, default)
        waiting = self._waiting.get(mode)
        is_new = waiting is None or waiting.step != step or tag in waiting.tags
        if is_new and any(each is waiting or each.step != step for each in self._waiting.values()):
            yield from self.flush()  # all of them: records are in the order of their times
        waiting = self._waiting.setdefault(mode, _Step(step, time_ns))
        waiting.time_ns = max(waiting.time_ns, time_ns)
        waiting.tags[f"{tag}_" if tag in _OWN else tag] = value

    def flush(self) -> Iterator[LogEvent]:
        """Yield the records that wait."""
        waiting, self._waiting = self._waiting, {}
        yield from (self._made(*each) for each in sorted(waiting.items(), key=lambda item: item[1].time_ns))

    def _made(self, mode: Mode, step: _Step) -> LogEvent:
        progress = position(mode, step.step, epoch=self._epoch)
        if mode == "train":
            rates = {name: value for name, value in step.tags.items() if name.endswith("lr")}
            values = {name: value for name, value in step.tags.items() if name not in rates}
            text = iter_line(progress, values, rates, num_digits=4)
        else:
            text = epoch_line(progress, step.tags.items(), num_digits=4)
        tags = {**step.tags, "iter": step.step}
        kind: Literal["iter", "epoch"] = "iter" if mode == "train" else "epoch"
        return scalar_event(Record(kind, progress, tags, {}, text, step.time_ns), self._logger)
