"""Runs in a virtual environment of its own: prints what `opentelemetry-exporter-otlp-json-common` makes of samples.

Reads a pickle of ``[(signal, sample), ...]``, samples being plain data, and prints one JSON object each.
The test imports the builders, so that both sides encode the same SDK objects.
"""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)


def build_span(sample: dict[str, Any]) -> ReadableSpan:
    """Return a span with an event and a link, all with the same attributes."""
    context = SpanContext(sample["trace_id"], sample["span_id"], is_remote=False, trace_flags=TraceFlags(1))
    parent = SpanContext(sample["trace_id"], sample["parent_id"], is_remote=True, trace_flags=TraceFlags(1))
    return ReadableSpan(
        name=sample["name"],
        context=context,
        parent=parent,
        resource=Resource({"service.name": "exp"}),
        attributes=sample["attributes"],
        events=[Event("event", sample["attributes"], sample["time_ns"])],
        links=[Link(parent, sample["attributes"])],
        kind=SpanKind(sample["kind"]),
        status=Status(StatusCode.ERROR, sample["name"]),
        start_time=sample["time_ns"],
        end_time=sample["time_ns"] + 5,
        instrumentation_scope=InstrumentationScope("scope", "1"),
    )


def build_metrics(sample: dict[str, Any]) -> MetricsData:
    """Return gauges of one point each, as a record makes them."""
    metrics = [
        Metric(name, "", unit, Gauge([NumberDataPoint(attributes, 0, sample["time_ns"], value)]))
        for name, unit, attributes, value in sample["points"]
    ]
    scope = InstrumentationScope("otel_mmlog", sample["version"])
    return MetricsData(
        [ResourceMetrics(Resource(sample["resource"]), [ScopeMetrics(scope, metrics, "")], "")]
    )


def build_log(sample: dict[str, Any]) -> Any:
    """Return a log record, as an event makes it."""
    from opentelemetry._logs import LogRecord, SeverityNumber  # noqa: PLC0415 - of recent versions only
    from opentelemetry.sdk._logs import ReadableLogRecord  # noqa: PLC0415

    span = SpanContext(
        sample["trace_id"], sample["span_id"], is_remote=False, trace_flags=TraceFlags(sample["flags"])
    )
    record = LogRecord(
        timestamp=sample["time_ns"],
        observed_timestamp=sample["observed_ns"],
        context=set_span_in_context(NonRecordingSpan(span)),
        severity_text="INFO",
        severity_number=SeverityNumber.INFO,
        body=sample["body"],
        attributes=sample["attributes"],
        event_name=sample["event_name"],
    )
    scope = InstrumentationScope("otel_mmlog", sample["version"])
    return ReadableLogRecord(record, Resource(sample["resource"]), scope)


def _encode(signal: str, sample: dict[str, Any]) -> Any:
    from opentelemetry.exporter.otlp.json.common._log_encoder import encode_logs  # type: ignore[import-not-found]  # noqa: PLC0415 - not in the
    from opentelemetry.exporter.otlp.json.common.metrics_encoder import encode_metrics  # type: ignore[import-not-found]  # noqa: PLC0415 - test's
    from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans  # type: ignore[import-not-found]  # noqa: PLC0415 - environment

    if signal == "traces":
        return encode_spans([build_span(sample)])
    return encode_metrics(build_metrics(sample)) if signal == "metrics" else encode_logs([build_log(sample)])


def main() -> None:
    """Encode the samples of the file that is named on the command line."""
    for signal, sample in pickle.loads(Path(sys.argv[1]).read_bytes()):
        print(json.dumps(_encode(signal, sample).to_dict()))


if __name__ == "__main__":
    main()
