"""Spans that a dead process had open: found in its journal, and ended for it.

A span's start is journalled as a log event ``mmlog.span.start``; the span itself only when it ends.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.semconv import (
    EVENT_SPAN_START,
    SPAN_ATTRIBUTES,
    SPAN_KIND,
    SPAN_LINKS,
    SPAN_NAME,
    SPAN_PARENT_ID,
    SPAN_SYNTHESIZED,
)

START_MARK: Final = EVENT_SPAN_START.encode()
"""Only lines with this in them can tell of a start."""

END_MARK: Final = b'"resourceSpans"'
"""Only lines with this in them can tell of an end."""

_STATUS: Final = {"code": 2, "message": "the process ended before the span did"}
_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-fA-F]{16}")
_TIME_NS: Final = re.compile(rb'"(?:endT|t|observedT)imeUnixNano"\s*:\s*"?(\d{1,19})\b')


@dataclass(frozen=True, slots=True)
class SpanStart:
    """A span that was started: the OTLP JSON objects of its resource, scope, and the span as it began."""

    resource: dict[str, Any]
    scope: dict[str, Any]
    span: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Trace id and span id."""
        return self.span["traceId"], self.span["spanId"]


def span_starts(line: bytes) -> list[SpanStart]:
    """The starts that a journal line tells of.

    Raises:
        ValueError: The line is not an OTLP JSON object.
    """
    return [
        SpanStart(resource, scope, _span_of(record))
        for resource, scope, record in _items(line, "resourceLogs", "scopeLogs", "logRecords")
        if record.get("eventName") == EVENT_SPAN_START
    ]


def ended_spans(line: bytes) -> list[tuple[str, str]]:
    """Trace and span ids of the spans that a journal line carries.

    Raises:
        ValueError: The line is not an OTLP JSON object.
    """
    spans = _items(line, "resourceSpans", "scopeSpans", "spans")
    return [(_id(_TRACE_ID, span.get("traceId")), _id(_SPAN_ID, span.get("spanId"))) for _, _, span in spans]


def latest_time_ns(lines: Iterable[bytes]) -> int:
    """The latest Unix time in journal lines, in nanoseconds; 0 if they have none."""
    return max((int(time) for line in lines for time in _TIME_NS.findall(line)), default=0)


def end_span(start: SpanStart, end_ns: int) -> EncodedLine:
    """The span as a journal line, ended with an error at the last sign of life."""
    started_ns = int(start.span["startTimeUnixNano"])
    mark = {"key": SPAN_SYNTHESIZED, "value": {"boolValue": True}}
    span = start.span | {
        "endTimeUnixNano": str(max(started_ns, end_ns)),
        "attributes": [*start.span["attributes"], mark],
        "status": _STATUS,
    }
    request = {
        "resourceSpans": [
            {"resource": start.resource, "scopeSpans": [{"scope": start.scope, "spans": [span]}]}
        ]
    }
    return EncodedLine("traces", json.dumps(request, separators=(",", ":")).encode() + b"\n", 1)


def _items(line: bytes, *keys: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Resource, scope and item for each item of a request.

    Raises:
        ValueError: The line is not a JSON object of this shape.
    """
    by_resource, by_scope, items = keys
    try:
        for group in json.loads(line, parse_constant=_refuse).get(by_resource, ()):
            for scope_group in group.get(by_scope, ()):
                for item in scope_group.get(items, ()):
                    yield dict(group.get("resource", {})), dict(scope_group.get("scope", {})), dict(item)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not an OTLP request: {error!r}") from error


def _refuse(constant: str) -> None:
    """JSON has no NaN; OTLP writes it as a string."""
    raise ValueError(f"{constant} is not JSON")


def _span_of(record: dict[str, Any]) -> dict[str, Any]:
    """The beginning of an OTLP span from the log record that told of it.

    Raises:
        ValueError: The record lacks something, or has it in another type.
    """
    try:
        told = {entry["key"]: entry["value"] for entry in record["attributes"]}
        span = {
            "traceId": _id(_TRACE_ID, record["traceId"]),
            "spanId": _id(_SPAN_ID, record["spanId"]),
            "name": str(told[SPAN_NAME]["stringValue"]),
            "kind": _whole(told.get(SPAN_KIND, {}).get("intValue", 1), 6),
            "startTimeUnixNano": str(_whole(record["timeUnixNano"], 2**63)),
            "attributes": _attributes(told),
            "flags": _whole(record.get("flags", 0), 2**32),
            "links": _links(told),
        }
        if SPAN_PARENT_ID in told:
            span["parentSpanId"] = _id(_SPAN_ID, told[SPAN_PARENT_ID]["stringValue"])
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a start of a span: {error!r}") from error
    return span


def _attributes(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The span's attributes as OTLP JSON key-values."""
    values = told.get(SPAN_ATTRIBUTES, {}).get("kvlistValue", {}).get("values", ())
    return [{"key": str(entry["key"]), "value": dict(entry["value"])} for entry in values]


def _links(told: dict[str, Any]) -> list[dict[str, str]]:
    """The span's links, from ``traceId:spanId`` in hex each."""
    links = []
    for value in told.get(SPAN_LINKS, {}).get("arrayValue", {}).get("values", ()):
        trace_id, _, span_id = value["stringValue"].partition(":")
        links.append({"traceId": _id(_TRACE_ID, trace_id), "spanId": _id(_SPAN_ID, span_id)})
    return links


def _whole(value: Any, limit: int) -> int:
    """A number of OTLP JSON, which writes 64-bit integers as strings.

    Raises:
        ValueError: It is none, negative, or not below the limit.
    """
    number = int(value)
    if not 0 <= number < limit:
        raise ValueError(f"{value!r} is out of range")
    return number


def _id(pattern: re.Pattern[str], value: Any) -> str:
    """A hex id in lower case.

    Raises:
        ValueError: It is none.
    """
    if not (isinstance(value, str) and pattern.fullmatch(value)):
        raise ValueError(f"{value!r} is not an id")
    return value.lower()
