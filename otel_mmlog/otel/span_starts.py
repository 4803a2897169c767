"""A span's start as a log record, so that a span whose process dies is known.

Every span has one, and nearly every one has few and short attributes: these are rendered directly, all others as any
other event is.
"""

import logging
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_mmlog.core.record import LogEvent, TraceRef
from otel_mmlog.otel import semconv
from otel_mmlog.otel.envelope import Envelope
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.logs import LogsEncoder, severity_number
from otel_mmlog.otel.short_values import SHORT_CHARS, SHORT_ITEMS, short_json
from otel_mmlog.otel.values import KEY_CHARS, quote

_LEVEL = logging.DEBUG
_ROOMY = Limits(value_chars=SHORT_CHARS, body_chars=SHORT_CHARS, attributes=8, nodes=8 * SHORT_ITEMS, depth=2)
"""Limits above which nothing of a small start is cut."""
_BEGIN = f'"severityNumber":{severity_number(_LEVEL)},"severityText":"DEBUG","body":{{"stringValue":'
_NAME = f'{{"key":"{semconv.EVENT_NAME}","value":{{"stringValue":"{semconv.EVENT_SPAN_START}"}}}}'


class SpanStartsEncoder:
    """Renders the starts of spans.

    Args:
        envelope: Around the log record of a line.
        limits: Bounds of values, attributes and the line.
        logs: Renders what is not small.
        clock_ns: Unix time in nanoseconds, for the observed time.
    """

    def __init__(
        self, envelope: Envelope, limits: Limits, logs: LogsEncoder, clock_ns: Callable[[], int]
    ) -> None:
        self._envelope = envelope
        self._limits = limits
        self._logs = logs
        self._clock_ns = clock_ns
        self._cuts_short = any(
            getattr(limits, bound) < getattr(_ROOMY, bound)
            for bound in ("value_chars", "body_chars", "attributes", "nodes", "depth")
        )

    def line(self, span: ReadableSpan, context: SpanContext) -> EncodedLine:
        """Return the ``mmlog.span.start`` event of a span that has just begun."""
        item = None if self._cuts_short else _small(span, context, self._clock_ns())
        if item is not None:
            line = self._envelope.line([item], 1, debug=True)
            if len(line.data) <= self._limits.line_bytes:
                return line
        return self._logs.line(start_event(span, context))


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
        level=_LEVEL,
        logger=semconv.SCOPE_NAME,
        body=f"{span.name} started",
        attributes=attributes,
        event_name=semconv.EVENT_SPAN_START,
        trace=TraceRef(context.trace_id, context.span_id, int(context.trace_flags)),
    )


def _small(span: ReadableSpan, context: SpanContext, observed_ns: int) -> str | None:
    """Return the log record as `LogsEncoder` renders `start_event`; None where that would have to look closer."""
    name, links = span.name, span.links
    attributes = short_json(dict(span.attributes or {}))
    is_small = name.isascii() and len(name) < KEY_CHARS and len(links) <= SHORT_ITEMS
    if attributes is None or not is_small or logging.getLevelName(_LEVEL) != "DEBUG":
        return None
    told = [
        _NAME,
        f'{{"key":"{semconv.SPAN_NAME}","value":{{"stringValue":{quote(name)}}}}}',
        f'{{"key":"{semconv.SPAN_KIND}","value":{{"intValue":"{span.kind.value + 1}"}}}}',
    ]
    if span.parent is not None:
        parent = f'{{"stringValue":"{span.parent.span_id:016x}"}}'
        told.append(f'{{"key":"{semconv.SPAN_PARENT_ID}","value":{parent}}}')
    if attributes:
        values = f'{{"kvlistValue":{{"values":[{attributes}]}}}}'
        told.append(f'{{"key":"{semconv.SPAN_ATTRIBUTES}","value":{values}}}')
    if links:
        ids = ",".join([_link(link.context) for link in links])
        told.append(f'{{"key":"{semconv.SPAN_LINKS}","value":{{"arrayValue":{{"values":[{ids}]}}}}}}')
    flags = f',"flags":{int(context.trace_flags)}' if context.trace_flags else ""
    return (
        f'{{"timeUnixNano":"{span.start_time or 0}","observedTimeUnixNano":"{observed_ns}"'
        f',{_BEGIN}{quote(f"{name} started")}}},"attributes":[{",".join(told)}]'
        f',"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f'{flags},"eventName":"{semconv.EVENT_SPAN_START}"}}'
    )


def _link(context: SpanContext) -> str:
    return f'{{"stringValue":"{context.trace_id:032x}:{context.span_id:016x}"}}'
