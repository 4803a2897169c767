"""What arrived, as plain values: points, log records and spans."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """One data point of a gauge or sum.

    Attributes:
        name: Of its metric.
        unit: Of its metric.
        value: The number; None for a point without one (``flags: 1``).
        time_ns: Unix time in nanoseconds.
        flags: 1 for "no recorded value".
        attributes: Its own.
        resource: Those of its resource.
    """

    name: str
    unit: str
    value: float | int | None
    time_ns: int
    flags: int
    attributes: Attributes
    resource: Attributes


@dataclass(frozen=True, slots=True)
class Log:
    """One log record.

    Attributes:
        body: Usually the text.
        event_name: Its field ``eventName``; empty if it has none.
        severity: The severity number.
        time_ns: Unix time in nanoseconds.
        trace_id: In hex, empty outside of a span.
        span_id: In hex, empty outside of a span.
        attributes: Its own.
        resource: Those of its resource.
    """

    body: Any
    event_name: str
    severity: int
    time_ns: int
    trace_id: str
    span_id: str
    attributes: Attributes
    resource: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """One span.

    Attributes:
        name: Of the operation.
        trace_id: In hex.
        span_id: In hex.
        parent_id: In hex, empty for a root.
        start_ns: Unix time in nanoseconds.
        end_ns: Unix time in nanoseconds.
        status: 0 unset, 1 ok, 2 error.
        attributes: Its own.
        resource: Those of its resource.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    status: int
    attributes: Attributes
    resource: Attributes


def points_of(request: Any) -> Iterator[Point]:
    """Yield the points of gauges and sums in an ExportMetricsServiceRequest."""
    for group in request.resource_metrics:
        resource = plain_attributes(group.resource.attributes)
        for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
            kind = metric.WhichOneof("data")
            if kind in ("gauge", "sum"):
                yield from (_point(metric, point, resource) for point in getattr(metric, kind).data_points)


def logs_of(request: Any) -> Iterator[Log]:
    """Yield the log records of an ExportLogsServiceRequest."""
    for group in request.resource_logs:
        resource = plain_attributes(group.resource.attributes)
        for record in (record for scope in group.scope_logs for record in scope.log_records):
            yield Log(
                body=plain(record.body),
                event_name=getattr(record, "event_name", ""),  # not in the oldest opentelemetry-proto
                severity=record.severity_number,
                time_ns=record.time_unix_nano,
                trace_id=record.trace_id.hex(),
                span_id=record.span_id.hex(),
                attributes=plain_attributes(record.attributes),
                resource=resource,
            )


def spans_of(request: Any) -> Iterator[Span]:
    """Yield the spans of an ExportTraceServiceRequest."""
    for group in request.resource_spans:
        resource = plain_attributes(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield Span(
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                start_ns=span.start_time_unix_nano,
                end_ns=span.end_time_unix_nano,
                status=span.status.code,
                attributes=plain_attributes(span.attributes),
                resource=resource,
            )


def plain(value: Any) -> Any:
    """Return an AnyValue as a Python value; None for an empty one."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "array_value":
        return [plain(item) for item in inner.values]
    return plain_attributes(inner.values) if kind == "kvlist_value" else inner


def plain_attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """Return a list of KeyValue as a dict."""
    return {pair.key: plain(pair.value) for pair in pairs}


def _point(metric: Any, point: Any, resource: Attributes) -> Point:
    kind = point.WhichOneof("value")
    return Point(
        name=metric.name,
        unit=metric.unit,
        value=None if kind is None else getattr(point, kind),
        time_ns=point.time_unix_nano,
        flags=point.flags,
        attributes=plain_attributes(point.attributes),
        resource=resource,
    )
