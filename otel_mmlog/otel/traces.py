"""SDK spans as OTLP lines: the official encoders', after values that OTLP cannot hold were replaced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status

from otel_mmlog.core.record import LogEvent, TraceRef
from otel_mmlog.otel import semconv
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.official import SpansJson
from otel_mmlog.otel.values import INT64_MAX, INT64_MIN, Values, clean

_DEBUG = 10


class TracesEncoder:
    """Renders spans within a line's length.

    Args:
        limits: Bounds of the line, and of values where it would be too long.
        faults: Reason -> count: ``span_cleaned`` for each span with a value that OTLP cannot hold, or an end before
            its start; ``line_cut`` for each whose strings were cut, ``span_refused`` for each that was lost.
    """

    def __init__(self, limits: Limits, faults: "Counter[str]") -> None:
        self._limits = limits
        self._faults = faults
        self._spans_json = SpansJson()

    def lines(self, spans: Sequence[ReadableSpan]) -> list[EncodedLine]:
        """Return one line of all spans, or one a span where that would be too long."""
        if not spans:
            return []
        clean_spans = [self._clean(span) for span in spans]
        data = self._encode(clean_spans)
        if data is not None and len(data) <= self._limits.line_bytes:
            return [EncodedLine("traces", data, len(spans))]
        if len(spans) > 1:
            return [line for span in spans for line in self.lines([span])]
        return self._cut(spans[0])

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        if _is_clean(span):
            return span
        self._faults["span_cleaned"] += 1
        return rebuilt(span, Values(_UNBOUNDED, self._faults))

    def _cut(self, span: ReadableSpan) -> list[EncodedLine]:
        for limits in self._limits.tighter():
            data = self._encode([rebuilt(span, Values(limits, self._faults), max_events=limits.nodes)])
            if data is not None and len(data) <= limits.line_bytes:
                self._faults["line_cut"] += 1
                return [EncodedLine("traces", data, 1)]
        self._faults["span_refused"] += 1
        return []

    def _encode(self, spans: Sequence[ReadableSpan]) -> bytes | None:
        try:
            return self._spans_json(spans)
        except Exception:  # noqa: BLE001 - a span subclass may hold anything; the caller refuses and counts it
            return None


_UNBOUNDED = Limits(value_chars=2**62, nodes=2**31)


def rebuilt(span: ReadableSpan, values: Values, max_events: int | None = None) -> ReadableSpan:
    """Return the span with every string and value replaced by what OTLP can hold within limits."""
    events = span.events if max_events is None else span.events[-max_events:]
    links = span.links if max_events is None else span.links[-max_events:]
    return ReadableSpan(
        name=values.text(span.name),
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=_attributes(span.attributes, span.dropped_attributes, values),
        events=[
            Event(values.text(e.name), _attributes(e.attributes, e.dropped_attributes, values), e.timestamp)
            for e in events
        ],
        links=[
            Link(link.context, _attributes(link.attributes, link.dropped_attributes, values))
            for link in links
        ],
        kind=span.kind,
        status=Status(
            span.status.status_code, span.status.description and values.text(span.status.description)
        ),
        start_time=span.start_time,
        end_time=span.end_time if span.end_time is None else max(span.end_time, span.start_time or 0),
        instrumentation_scope=span.instrumentation_scope,
    )


def start_event(span: ReadableSpan, context: SpanContext) -> LogEvent:
    """Return the ``mmlog.span.start`` event of a span that has just begun."""
    attributes: dict[str, Any] = {semconv.SPAN_NAME: span.name, semconv.SPAN_KIND: span.kind.value + 1}
    if span.parent is not None:
        attributes[semconv.SPAN_PARENT_ID] = f"{span.parent.span_id:016x}"
    if span.attributes:
        attributes[semconv.SPAN_ATTRIBUTES] = dict(span.attributes)
    if span.links:
        attributes[semconv.SPAN_LINKS] = [
            f"{link.context.trace_id:032x}:{link.context.span_id:016x}" for link in span.links
        ]
    return LogEvent(
        time_ns=span.start_time or 0,
        level=_DEBUG,
        logger=semconv.SCOPE_NAME,
        body=f"{span.name} started",
        attributes=attributes,
        event_name=semconv.EVENT_SPAN_START,
        trace=TraceRef(context.trace_id, context.span_id, int(context.trace_flags)),
    )


def _attributes(attributes: "Mapping[str, Any] | None", dropped: int, values: Values) -> BoundedAttributes:
    bounded = BoundedAttributes(attributes=values.attributes(attributes or {}), immutable=False)
    bounded.dropped = dropped
    return bounded


def _is_clean(span: ReadableSpan) -> bool:
    if span.end_time is not None and span.end_time < (span.start_time or 0):  # the clock was set back
        return False
    texts = [span.name, span.status.description or "", *(event.name for event in span.events)]
    owned = [
        span.attributes,
        *(event.attributes for event in span.events),
        *(link.attributes for link in span.links),
    ]
    return all(map(_is_clean_value, texts)) and all(_is_clean_value(attributes or {}) for attributes in owned)


def _is_clean_value(value: Any) -> bool:
    if value is None or isinstance(value, (bool, float, bytes)):
        return True
    if isinstance(value, str):
        return clean(value) == value
    if isinstance(value, int):
        return INT64_MIN <= value <= INT64_MAX
    if isinstance(value, Mapping):
        return all(map(_is_clean_value, value)) and all(map(_is_clean_value, value.values()))
    return isinstance(value, Sequence) and all(map(_is_clean_value, value))
