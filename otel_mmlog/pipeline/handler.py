"""The one stdlib handler of a run: a log record in, every output once, in order."""

import itertools
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from structlog import DropEvent

from otel_mmlog.core.record import TraceRef
from otel_mmlog.pipeline.events import EventDict, from_stdlib, to_log_event
from otel_mmlog.pipeline.outputs import Output

Processor = Callable[[Any, str, EventDict], Any]
"""structlog's processor: ``(logger, name, event_dict) -> event_dict``."""

_HANDLED = "_mmlog_handled"


class RunHandler(logging.Handler):
    """Numbers each event and hands it to the outputs: journal first, console last.

    Args:
        level: Events below it are dropped.
        outputs: In this order; what one raises costs the others nothing and is counted in ``faults``.
        processors: structlog processors that each event dict passes before it is rendered.
        next_seq: Gives the next number of this process.
        current_trace: The span that is current, or None.
    """

    def __init__(
        self,
        *,
        level: int,
        outputs: Sequence[Output],
        processors: Sequence[Processor],
        next_seq: Callable[[], int],
        current_trace: Callable[[], TraceRef | None],
    ) -> None:
        super().__init__(level)
        self.faults: Counter[str] = Counter()
        self.counts: Counter[int] = Counter()
        self._outputs = list(outputs)
        self._processors = list(processors)
        self._next_seq = next_seq
        self._pid = os.getpid()
        self._worker: dict[str, int] = {}
        self._current_trace = current_trace
        self._failing: set[str] = set()
        self._deferred: list[str] = []
        self._busy = False

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record once, also where it passes both the run's own logger and the root logger."""
        if getattr(record, _HANDLED, None) is self:
            return False
        setattr(record, _HANDLED, self)
        return bool(super().handle(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Render and write one record; never raises."""
        nested, self._busy = self._busy, True
        try:
            self._write(record)
        except DropEvent:
            pass
        except Exception as error:  # noqa: BLE001 - counted and told; a log call must not end training
            self._fault("processors", error)
        finally:
            self._busy = nested
        if not nested:
            self._tell_deferred()

    def tell(self, message: str) -> None:
        """Log a WARNING of the package itself, after the event that is being written."""
        self._deferred.append(message)
        if not self._busy:
            self._tell_deferred()

    def note_fault(self, name: str, error: Exception) -> None:
        """Count a fault of a part that is no output; the first is told."""
        self._fault(name, error)
        if not self._busy:
            self._tell_deferred()

    def drop_outputs(self) -> None:
        """Close every output; errors are counted."""
        for output in self._outputs:
            try:
                output.close()
            except OSError as error:
                self.faults[f"{output.name}: {type(error).__name__}"] += 1
        self._outputs = []

    def _write(self, record: logging.LogRecord) -> None:
        if os.getpid() != self._pid:
            self._become_worker()
        event_dict: EventDict = {**self._worker, **from_stdlib(record)}
        for processor in self._processors:
            event_dict = processor(None, record.levelname.lower(), event_dict)
        event = to_log_event(event_dict, trace=self._current_trace(), seq=self._next_seq())
        self.counts[event.level] += 1
        for output in self._outputs:
            try:
                output.write(event)
            except Exception as error:  # noqa: BLE001 - counted; the next output still gets the event
                self._fault(output.name, error)
            else:
                self._failing.discard(output.name)

    def _become_worker(self) -> None:
        """In a forked child, count anew and say who counts: a parent's number must not occur twice."""
        self._pid = os.getpid()
        self._worker = {"process.pid": self._pid}
        self._next_seq = itertools.count().__next__

    def _fault(self, name: str, error: Exception) -> None:
        """Count a fault; the first of an episode is told."""
        self.faults[f"{name}: {type(error).__name__}"] += 1
        if name not in self._failing:
            self._failing.add(name)
            self._deferred.append(f"{name} failed ({type(error).__name__}: {error}); training goes on")

    def _tell_deferred(self) -> None:
        while self._deferred:
            message = self._deferred.pop(0)
            record = logging.LogRecord("otel_mmlog", logging.WARNING, "", 0, message, None, None)
            self.handle(record)
