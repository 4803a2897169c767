"""The spans of a run's life: opened and closed across yields, current in between, ended whatever happens."""

import os
import time
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from opentelemetry.context import Context, attach
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from otel_mmlog.core.ages import steady_ns
from otel_mmlog.core.record import TraceRef, qualified_name
from otel_mmlog.otel.semconv import (
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    SPAN_RUN,
)
from otel_mmlog.otel.topology import Topology
from otel_mmlog.otel.tracer import RunIds
from otel_mmlog.otel.values import Values


class OpenSpan:
    """A span between its `RunSpans.open` and its `close`; also a context manager."""

    __slots__ = ("_ahead_ns", "_before", "_owner", "_pid", "closed", "parent", "span")

    def __init__(self, owner: "RunSpans", span: Span, parent: "OpenSpan | None", before: Span) -> None:
        self._owner = owner
        self._before = before
        self._pid = os.getpid()
        self._ahead_ns = time.time_ns() - steady_ns()
        self.span = span
        self.parent = parent
        self.closed = False

    def set(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes, any value."""
        if not self.closed:
            self.span.set_attributes(self._owner.values.attributes(attributes))

    def close(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        """End the span, and first the spans inside it that are still open; a second close does nothing.

        Args:
            error: What ended it, or None if it ended well. ``SystemExit(0)`` counts as well.
            end_ns: When it ended, in Unix nanoseconds; None for now.
        """
        self._owner.close(self, error, end_ns)

    @property
    def is_inherited(self) -> bool:
        """Whether it was opened before this process was forked: it is its parent's to end."""
        return os.getpid() != self._pid

    def now_ns(self) -> int:
        """Return the Unix time by the clock as it was when the span began: it may have been set since."""
        return max(self._ahead_ns + steady_ns(), getattr(self.span, "start_time", None) or 0)

    def lineage(self) -> "Iterator[OpenSpan]":
        """Yield this span, its parent, and so on up to the run's."""
        span: OpenSpan | None = self
        while span is not None:
            yield span
            span = span.parent

    def back(self) -> Span:
        """Return the span to be current after this one: the nearest outer one that is still open."""
        outermost = self
        for span in self.lineage():
            if not span.closed:
                return span.span
            outermost = span
        return outermost._before

    def __enter__(self) -> "OpenSpan":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close(error)


class RunSpans:
    """The run's span and all that is open under it.

    Args:
        tracer: Of the run's provider, or None where spans are off: everything here then does nothing.
        topology: Where this rank's spans belong.
        ids: The provider's ids.
        values: Encodes attributes, so that the SDK never meets what it would drop.
        attributes: Of the run's span.
        start_ns: When the run's span started, in Unix nanoseconds; None for now.

    Attributes:
        failure: What every span that ends from now on ends with, or None.
    """

    def __init__(
        self,
        tracer: Tracer | None,
        topology: Topology | None,
        ids: RunIds,
        values: Values,
        attributes: Mapping[str, Any],
        start_ns: int | None = None,
    ) -> None:
        self.values = values
        self._tracer = tracer
        self._topology = topology
        self.failure: BaseException | None = None
        self._open: dict[int, OpenSpan] = {}
        self.run = self._open_run(ids, attributes, start_ns)

    def open(
        self,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        *,
        own_trace: bool = False,
        start_ns: int | None = None,
    ) -> OpenSpan:
        """Start a span inside the current one and make it current, until it is closed.

        Args:
            name: A name of `otel_mmlog.otel.semconv`.
            attributes: Any values.
            own_trace: Whether on ranks above 0 it starts this rank's own trace, linked to the root span,
                unless it is in that trace already.
            start_ns: When it started, in Unix nanoseconds; None for now.
        """
        before = get_current_span()
        outer = before.get_span_context()
        parent = self._open.get(outer.span_id)
        if parent is None and not outer.is_valid:
            parent = None if self.run.closed else self.run  # another thread: contexts are not inherited
        context, links = self._place(before if parent is None else parent.span, own_trace=own_trace)
        return self._start(name, attributes or {}, context, links, parent, before, start_ns)

    def close(self, handle: OpenSpan, error: BaseException | None, end_ns: int | None = None) -> None:
        """End a span and what is open inside it; see `OpenSpan.close`."""
        if handle.closed or handle.is_inherited:
            return
        if handle is next(reversed(self._open.values()), None):  # nothing has been opened inside it since
            self._end(handle, error or self.failure, end_ns)
            return
        for inner in reversed(list(self._open.values())):
            if handle in inner.lineage():
                self._end(inner, error or self.failure, end_ns)

    def end_all(self, error: BaseException | None = None) -> None:
        """End every span that is open, the run's last; with an error where `error` is one."""
        self.close(self.run, error)

    def _open_run(self, ids: RunIds, attributes: Mapping[str, Any], start_ns: int | None) -> OpenSpan:
        topology = self._topology
        if topology is None:
            return OpenSpan(self, INVALID_SPAN, None, INVALID_SPAN)
        links = [] if topology.is_root or topology.shares_trace else topology.links()
        before = get_current_span()
        ambient = before.get_span_context()
        if ambient.is_valid:
            links.append(Link(ambient))
        ids.next_span_id = topology.root.span_id if topology.is_root else None
        return self._start(SPAN_RUN, attributes, topology.run_context(), links, None, before, start_ns)

    def _place(self, outer: Span, *, own_trace: bool) -> tuple[Context, list[Link]]:
        topology = self._topology
        if not own_trace or topology is None or topology.is_root:
            return set_span_in_context(outer), []
        context = outer.get_span_context()
        if not context.trace_flags.sampled or context.trace_id == topology.own_trace_id:
            return set_span_in_context(outer), []
        return Context(), topology.links()

    def _start(
        self,
        name: str,
        attributes: Mapping[str, Any],
        context: Context,
        links: list[Link],
        parent: OpenSpan | None,
        before: Span,
        start_ns: int | None,
    ) -> OpenSpan:
        if self._tracer is None:
            return OpenSpan(self, INVALID_SPAN, parent, before)
        plain: Mapping[str, Any] = self.values.attributes(attributes)
        text = name if type(name) is str else str(self.values.plain(name))
        span = self._tracer.start_span(
            self.values.text(text), context, attributes=plain, links=links, start_time=start_ns
        )
        handle = OpenSpan(self, span, parent, before)
        own = span.get_span_context()
        if own.is_valid:
            self._open[own.span_id] = handle
            attach(set_span_in_context(span))
        return handle

    def _end(self, handle: OpenSpan, error: BaseException | None, end_ns: int | None) -> None:
        if error is not None and not _is_success(error):
            self._record(handle.span, error)
        handle.closed = True
        handle.span.end(handle.now_ns() if end_ns is None else end_ns)
        self._open.pop(handle.span.get_span_context().span_id, None)
        # no token is detached: a generator may be closed in another context than the one it began in
        if get_current_span() is handle.span:
            attach(set_span_in_context(handle.back()))

    def _record(self, span: Span, error: BaseException) -> None:
        message = str(self.values.plain(error))
        description = f"{type(error).__name__}: {message}" if message else type(error).__name__
        span.set_status(StatusCode.ERROR, self.values.text(description))
        span.add_event(
            "exception",
            {
                EXCEPTION_TYPE: qualified_name(type(error)),
                EXCEPTION_MESSAGE: message,
                EXCEPTION_STACKTRACE: _stacktrace(error),
            },
        )


def current_trace() -> TraceRef | None:
    """Return the span that is current in this context, the user's own included, or None."""
    context = get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return TraceRef(context.trace_id, context.span_id, int(context.trace_flags))


def _is_success(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _stacktrace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))[-16_384:]
    except Exception as failure:  # noqa: BLE001 - __str__ or __notes__ of a user's exception may raise anything
        return f"<unprintable {type(error).__name__}: {type(failure).__name__}>"
