"""The one stdlib handler of a run: a log record in, every output once, in order."""

import itertools
import logging
import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from structlog import DropEvent

from otel_mmlog.core.record import LogEvent, Record, TraceRef
from otel_mmlog.pipeline.chain import Processor, process
from otel_mmlog.pipeline.events import HANDLED, bare_event, from_stdlib, text_of, to_log_event
from otel_mmlog.pipeline.outputs import OWN_LOGGER, Output

QUIET_S = 5.0
"""Seconds without another fault that end an episode."""

_UNPROCESSED = "_mmlog_unprocessed"
_Written = TypeVar("_Written")


class RunHandler(logging.Handler):
    """Numbers each event and hands it to the outputs: journal first, console last.

    Args:
        level: Events below it are dropped.
        outputs: In this order; what one raises costs the others nothing and is counted in ``faults``.
        processors: structlog processors that each event dict passes before it is rendered.
        next_seq: Gives the next number of this process.
        current_trace: The span that is current, or None.
        clock: Seconds that never go back.

    Attributes:
        logger: What processors get as the logger of the run's own events; None until it is made.
    """

    def __init__(
        self,
        *,
        level: int,
        outputs: Sequence[Output],
        processors: Sequence[Processor],
        next_seq: Callable[[], int],
        current_trace: Callable[[], TraceRef | None],
        clock: Callable[[], float] = time.monotonic,
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
        self.logger: logging.Logger | None = None
        self._mark = os.urandom(8).hex()  # a record that is pickled takes it along; another run's differs
        self._failing: set[str] = set()
        self._failed_s: dict[str, float] = {}
        self._clock = clock
        self._deferred: deque[logging.LogRecord] = deque()
        self._writing = threading.local()  # a fork in another thread's event must not leave it set

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record once, also where it passes both the run's own logger and the root logger."""
        if getattr(record, HANDLED, None) == self._mark:
            return False
        setattr(record, HANDLED, self._mark)
        return bool(super().handle(record))

    @property
    def has_processors(self) -> bool:
        """Whether anything of the user's looks at an event before it is written."""
        return bool(self._processors or self.filters)

    def emit(self, record: logging.LogRecord) -> None:
        """Render and write one record; never raises."""
        self._guard(self._write, record)

    def write_record(self, record: Record, event_name: str, logger: str) -> None:
        """Write the line of a loop's record, as `handle` does with a log record that nobody else looks at.

        Args:
            record: What the line says.
            event_name: What it is called.
            logger: The name of the logger.
        """

        def put(record: Record) -> None:
            event = LogEvent(
                time_ns=record.time_ns,
                level=logging.INFO,
                logger=logger,
                body=record.text,
                event_name=event_name,
                record=record,
                trace=self._current_trace(),
                seq=self._next_seq(),
            )
            self._put(event)

        self._lock_and_guard(put, record)

    def write_event(self, record: logging.LogRecord, name: str, attributes: Mapping[str, Any]) -> None:
        """Write a log record as a bare event, as `handle` does with one that nobody else looks at.

        Args:
            record: When, where and what.
            name: What it is called.
            attributes: Under none of the pipeline's own keys.
        """
        if getattr(record, HANDLED, None) == self._mark:
            return
        setattr(record, HANDLED, self._mark)

        def put(record: logging.LogRecord) -> None:
            if os.getpid() != self._pid:
                self._become_worker()
            told = {**self._worker, **attributes}
            self._put(bare_event(record, name, told, trace=self._current_trace(), seq=self._next_seq()))

        self._lock_and_guard(put, record)

    def _lock_and_guard(self, write: Callable[[_Written], None], what: _Written) -> None:
        self.acquire()
        try:
            self._guard(write, what)
        finally:
            self.release()

    def _guard(self, write: Callable[[_Written], None], what: _Written) -> None:
        nested, self._writing.now = self._is_writing(), True
        try:
            write(what)
        except DropEvent:
            pass
        except Exception as error:  # noqa: BLE001 - counted and told; a log call must not end training
            self._fault("logging", error)
        finally:
            self._writing.now = nested
        if not nested:
            self._tell_deferred()

    def tell(self, message: str) -> None:
        """Log a WARNING of the package itself, after the event that is being written."""
        self._deferred.append(_warning(message))
        if not self._is_writing():
            self._tell_deferred()

    def note_fault(self, name: str, error: Exception) -> None:
        """Count a fault of a part that is no output; the first is told."""
        self._fault(name, error)
        if not self._is_writing():
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
        event_dict = from_stdlib(record)
        if self._worker:
            event_dict = {**self._worker, **event_dict}
        if self._processors and not hasattr(record, _UNPROCESSED):
            event_dict = process(self._processors, self._logger_of(record), event_dict, self._processor_fault)
        self._put(to_log_event(event_dict, trace=self._current_trace(), seq=self._next_seq()))

    def _put(self, event: LogEvent) -> None:
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

    def _logger_of(self, record: logging.LogRecord) -> logging.Logger:
        """The run's own logger is not in the logging manager: to look it up there would make another."""
        if self.logger is not None and self.logger.name == record.name:
            return self.logger
        return logging.getLogger(record.name)

    def _fault(self, name: str, error: Exception, *, processed: bool = True) -> None:
        """Count a fault; the first of an episode is told."""
        self.faults[f"{name}: {type(error).__name__}"] += 1
        now_s, last_s = self._clock(), self._failed_s.get(name, -math.inf)
        # A full disk takes a short line now and then: that alone does not end an episode.
        is_new = name not in self._failing and now_s - last_s >= QUIET_S
        self._failing.add(name)
        self._failed_s[name] = now_s
        if is_new:
            text = f"{name} failed ({type(error).__name__}: {text_of(error)}); training goes on"
            self._deferred.append(_warning(text, processed=processed))

    def _processor_fault(self, name: str, error: Exception) -> None:
        """Count a fault of a processor; no processor can hide that it is told."""
        self._fault(name, error, processed=False)

    def _is_writing(self) -> bool:
        """Whether this thread is in the middle of an event."""
        return getattr(self._writing, "now", False)

    def _tell_deferred(self) -> None:
        while True:
            try:
                record = self._deferred.popleft()
            except IndexError:  # perhaps because another thread told it
                return
            self.handle(record)


def _warning(message: str, *, processed: bool = True) -> logging.LogRecord:
    record = logging.LogRecord(OWN_LOGGER, logging.WARNING, "", 0, message, None, None)
    if not processed:
        setattr(record, _UNPROCESSED, True)
    return record
