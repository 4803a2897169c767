"""OTLP JSON Lines as flat values: what a Collector's file exporter wrote, or what lies in a journal."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """One data point of a gauge or sum."""

    name: str
    unit: str
    value: float | None
    time_ns: int
    flags: int
    attributes: Attributes
    resource: Attributes


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log record."""

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
    """One span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    status: int
    attributes: Attributes
    resource: Attributes


@dataclass(slots=True)
class Telemetry:
    """Everything that some files hold, in their order."""

    points: list[Point] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    unreadable_lines: int = 0

    @property
    def items(self) -> int:
        """Points, log records and spans."""
        return len(self.points) + len(self.logs) + len(self.spans)


def read_otlp(*paths: Path) -> Telemetry:
    """Everything in some files; a line that does not parse is counted, a missing file is empty."""
    found = Telemetry()
    for request in read_requests(*paths):
        found.points += request.points
        found.logs += request.logs
        found.spans += request.spans
        found.unreadable_lines += request.unreadable_lines
    return found


def read_requests(*paths: Path) -> Iterator[Telemetry]:
    """What `read_otlp` returns, one request (one line) at a time."""
    for path in paths:
        for line in path.read_bytes().splitlines() if path.exists() else ():
            found = Telemetry()
            try:
                request = json.loads(line)
            except ValueError:
                found.unreadable_lines += 1
            else:
                _add(request, found)
            yield found


def plain(value: Mapping[str, Any]) -> Any:
    """An OTLP JSON value as a Python one."""
    for kind, inner in value.items():
        match kind:
            case "intValue":
                return int(inner)
            case "doubleValue":
                return float(inner)
            case "bytesValue":
                return base64.b64decode(inner)
            case "arrayValue":
                return [plain(each) for each in inner.get("values", ())]
            case "kvlistValue":
                return plain_attributes(inner.get("values", ()))
            case _:
                return inner
    return None


def plain_attributes(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """OTLP JSON attributes as a dict."""
    return {pair["key"]: plain(pair.get("value", {})) for pair in pairs}


def _add(request: Mapping[str, Any], found: Telemetry) -> None:
    for resource, metric in _walk(request, "resourceMetrics", "scopeMetrics", "metrics"):
        points = (metric.get("gauge") or metric.get("sum") or {}).get("dataPoints", ())
        found.points += [_point(metric, point, resource) for point in points]
    for resource, record in _walk(request, "resourceLogs", "scopeLogs", "logRecords"):
        found.logs.append(_log(record, resource))
    for resource, span in _walk(request, "resourceSpans", "scopeSpans", "spans"):
        found.spans.append(_span(span, resource))


def _walk(request: Mapping[str, Any], *keys: str) -> Iterator[tuple[Attributes, Mapping[str, Any]]]:
    by_resource, by_scope, items = keys
    for group in request.get(by_resource, ()):
        resource = plain_attributes(group.get("resource", {}).get("attributes", ()))
        for scope_group in group.get(by_scope, ()):
            for item in scope_group.get(items, ()):
                yield resource, item


def _point(metric: Mapping[str, Any], point: Mapping[str, Any], resource: Attributes) -> Point:
    number = point.get("asDouble", point.get("asInt"))
    return Point(
        name=metric["name"],
        unit=metric.get("unit", ""),
        value=None if number is None else float(number),
        time_ns=int(point["timeUnixNano"]),
        flags=int(point.get("flags", 0)),
        attributes=plain_attributes(point.get("attributes", ())),
        resource=resource,
    )


def _log(record: Mapping[str, Any], resource: Attributes) -> LogRecord:
    return LogRecord(
        body=plain(record.get("body", {})),
        event_name=record.get("eventName", ""),
        severity=int(record.get("severityNumber", 0)),
        time_ns=int(record.get("timeUnixNano", 0)),
        trace_id=record.get("traceId", ""),
        span_id=record.get("spanId", ""),
        attributes=plain_attributes(record.get("attributes", ())),
        resource=resource,
    )


def _span(span: Mapping[str, Any], resource: Attributes) -> Span:
    return Span(
        name=span["name"],
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        status=int(span.get("status", {}).get("code", 0)),
        attributes=plain_attributes(span.get("attributes", ())),
        resource=resource,
    )
