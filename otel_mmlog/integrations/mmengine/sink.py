"""Where the parts of the integration send spans and log records, and what keeps them while there is no run."""

import copy
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Protocol

MAX_WAITING = 2000
"""Operations that a `Buffer` keeps."""


class Span(Protocol):
    """A span that is open."""

    def set(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes."""

    def close(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        """End it, and what is still open inside it.

        Args:
            error: What ended it, or None if it ended well.
            end_ns: When it ended, in Unix nanoseconds; None for now.
        """


class Sink(Protocol):
    """Takes spans and log records; never raises."""

    def open_span(self, name: str, attributes: Mapping[str, Any], *, start_ns: int | None = None) -> Span:
        """Start a span inside the current one and make it current; `start_ns` is None for now."""

    def write(
        self,
        record: logging.LogRecord,
        event_name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a log record, as an event of a name and with attributes where it is one."""


class NoSpan:
    """A span where spans are left out."""

    def set(self, attributes: Mapping[str, Any]) -> None:
        """Do nothing."""

    def close(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        """Do nothing."""


class Buffer:
    """A sink that keeps what it gets until there is another sink to pass it on to.

    The oldest is left out first, but never a span that is still open: it is what the rest nests in. Exceptions are
    kept with the operations that they came with.

    Args:
        capacity: Operations that are kept: a span opened, a span closed, a log record.
        clock_ns: Unix time in nanoseconds.

    Attributes:
        dropped: Spans and log records that were left out, or that a sink failed on.
    """

    def __init__(self, capacity: int = MAX_WAITING, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.dropped = 0
        self._capacity = capacity
        self._clock_ns = clock_ns
        self._lock = threading.Lock()  # never held while a sink works: sinks have locks of their own
        self._waiting: list[_Opening | _Closing | _Writing] = []
        self._sink: Sink | None = None
        self._spans = True
        self._replaying = False

    def open_span(self, name: str, attributes: Mapping[str, Any], *, start_ns: int | None = None) -> Span:
        """Open a span in the sink, or keep that it was opened."""
        sink = self._sink
        if sink is not None:
            return self._open_now(sink, name, attributes, start_ns)
        with self._lock:
            sink = self._sink
            if sink is None:
                start_ns = self._clock_ns() if start_ns is None else start_ns
                span = _KeptSpan(self)
                self._keep(_Opening(threading.get_ident(), span, name, dict(attributes), start_ns))
                return span
        return self._open_now(sink, name, attributes, start_ns)

    def _open_now(self, sink: Sink, name: str, attributes: Mapping[str, Any], start_ns: int | None) -> Span:
        return sink.open_span(name, attributes, start_ns=start_ns) if self._spans else NoSpan()

    def write(
        self,
        record: logging.LogRecord,
        event_name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Pass a log record on, or keep what it says now: it is written later, with the time that it has."""
        sink = self._sink  # without the lock: a fork may have caught it held by another thread
        if sink is not None:
            sink.write(record, event_name, attributes)
            return
        with self._lock:
            sink = self._sink
            if sink is None:
                plain = None if attributes is None else dict(attributes)
                self._keep(_Writing(threading.get_ident(), _formatted(record), event_name, plain))
                return
        sink.write(record, event_name, attributes)

    def connect(self, sink: Sink, *, spans: bool) -> None:
        """Pass on what was kept, in order and with the original times, and from now on whatever comes.

        Spans that are open become open spans of the sink. What other threads did nests among itself only.

        Args:
            sink: Takes it.
            spans: False leaves spans out, those to come as well.
        """
        with self._lock:
            self._spans = spans
            self._replaying = True
            self._sink = None
        contexts: dict[int, Context] = {}
        while (operation := self._next(sink)) is not None:
            try:
                if operation.thread == threading.get_ident():
                    self._replay(operation, sink)
                else:
                    contexts.setdefault(operation.thread, Context()).run(self._replay, operation, sink)
            except Exception:  # noqa: BLE001 - a sink's fault with one must not cost the others; it is counted
                self.dropped += 1

    def first_ns(self) -> int | None:
        """When the first span that is kept was opened, in Unix nanoseconds; None if there is none."""
        with self._lock:
            return next((each.start_ns for each in self._waiting if isinstance(each, _Opening)), None)

    def disconnect(self) -> None:
        """Keep what comes, until the next `connect`."""
        with self._lock:
            self._sink = None

    def _next(self, sink: Sink) -> "_Opening | _Closing | _Writing | None":
        with self._lock:
            if self._waiting:
                return self._waiting.pop(0)
            self._sink = sink
            self._replaying = False
            return None

    def _replay(self, operation: "_Opening | _Closing | _Writing", sink: Sink) -> None:
        if isinstance(operation, _Writing):
            sink.write(operation.record, operation.event_name, operation.attributes)
        elif isinstance(operation, _Closing):
            if operation.span.real is not None:
                operation.span.real.close(operation.error, operation.end_ns)
        elif self._spans:
            self._replay_opening(operation, sink)

    def _replay_opening(self, opening: "_Opening", sink: Sink) -> None:
        real = sink.open_span(opening.name, opening.attributes, start_ns=opening.start_ns)
        with self._lock:
            opening.span.real = real
            later, opening.span.later = opening.span.later, {}
        if later:
            real.set(later)

    def _keep(self, operation: "_Opening | _Closing | _Writing") -> None:
        while len(self._waiting) >= self._capacity and self._leave_out_oldest():
            pass
        self._waiting.append(operation)

    def _leave_out_oldest(self) -> bool:
        for index, operation in enumerate(self._waiting):
            if operation.is_needed():
                continue
            del self._waiting[index]
            self.dropped += not isinstance(operation, _Closing)
            return True
        return False

    def set_on(self, span: "_KeptSpan", attributes: Mapping[str, Any]) -> None:
        """Do `Span.set` for a span of this buffer."""
        with self._lock:
            real = span.real
            if real is None:
                span.later.update(attributes)
        if real is not None:
            real.set(attributes)

    def close_span(self, span: "_KeptSpan", error: BaseException | None, end_ns: int | None) -> None:
        """Do `Span.close` for a span of this buffer: in its place among what is still to be passed on."""
        with self._lock:
            if span.closed:
                return
            span.closed = True
            real = span.real
            if self._sink is None and (real is None or self._replaying):
                end_ns = self._clock_ns() if end_ns is None else end_ns
                self._keep(_Closing(threading.get_ident(), span, error, end_ns))
                return
        if real is not None:
            real.close(error, end_ns)


def _formatted(record: logging.LogRecord) -> logging.LogRecord:
    """A copy with its message formatted: the arguments may change, and are not kept alive."""
    if not record.args:
        return record
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - the handler that writes it tells what is wrong with it
        return record
    kept = copy.copy(record)
    kept.msg, kept.args = message, None
    return kept


class _KeptSpan:
    """A span that was opened before there was a sink."""

    __slots__ = ("_buffer", "closed", "later", "real")

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self.closed = False
        self.real: Span | None = None
        self.later: dict[str, Any] = {}

    def set(self, attributes: Mapping[str, Any]) -> None:
        self._buffer.set_on(self, attributes)

    def close(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        self._buffer.close_span(self, error, end_ns)


@dataclass(frozen=True, slots=True)
class _Opening:
    thread: int
    span: _KeptSpan
    name: str
    attributes: dict[str, Any]
    start_ns: int

    def is_needed(self) -> bool:
        return not self.span.closed


@dataclass(frozen=True, slots=True)
class _Closing:
    thread: int
    span: _KeptSpan
    error: BaseException | None
    end_ns: int

    def is_needed(self) -> bool:
        return self.span.real is not None


@dataclass(frozen=True, slots=True)
class _Writing:
    thread: int
    record: logging.LogRecord
    event_name: str | None
    attributes: dict[str, Any] | None

    def is_needed(self) -> bool:
        return False
