"""The official logs encoder as the oracle of what an event becomes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_mmlog._version import __version__
from otel_mmlog.core.record import LogEvent, TraceRef
from tests.oracle.otlp import (
    ATTRIBUTES,
    FLOATS,
    INT64,
    KEY,
    SPAN_IDS,
    TEXT,
    TIMES_NS,
    TRACE_IDS,
    normal,
    parse,
)
from tests.otel.telemetry import NOW_NS, RESOURCE, make_encoder, make_record

if not hasattr(sdk_logs, "ReadableLogRecord"):
    pytest.skip(
        "this OpenTelemetry has other log classes (ReadableLogRecord came with 1.39)", allow_module_level=True
    )

LEVELS = {
    10: (SeverityNumber.DEBUG, "DEBUG"),
    20: (SeverityNumber.INFO, "INFO"),
    50: (SeverityNumber.FATAL, "CRITICAL"),
}
OWN = frozenset(["event.name", "mmlog.seq", "logger", "mode", "epoch", "iter", "step"])
TAGS = st.dictionaries(KEY.filter(lambda tag: tag not in OWN), FLOATS | INT64, max_size=5)
TRACES = st.none() | st.builds(TraceRef, TRACE_IDS, SPAN_IDS, st.sampled_from([0, 1]))
EVENTS = st.builds(
    LogEvent,
    time_ns=TIMES_NS,
    level=st.sampled_from(list(LEVELS)),
    logger=TEXT,
    body=TEXT,
    attributes=ATTRIBUTES,
    event_name=st.none() | KEY,
    record=st.none() | TAGS.map(make_record),
    trace=TRACES,
    seq=st.integers(0, 2**40),
)


def sdk_record(event: LogEvent) -> "sdk_logs.ReadableLogRecord":
    """Return what a user of the SDK would have to log for the same event."""
    number, text = LEVELS[event.level]
    name = event.event_name or ("mmlog.train.iter" if event.record else None)
    attributes = {"event.name": name} if name else {}
    attributes |= {"mmlog.seq": event.seq, "logger": event.logger}  # type: ignore[dict-item]
    if event.record is not None:
        attributes |= {"mode": "train", "epoch": 2, "iter": 25, "step": 25, **event.record.tags}  # type: ignore[dict-item]
    for key, value in event.attributes.items():
        while key in attributes:
            key += "_"  # noqa: PLW2901 - the name that is free
        attributes[key] = value
    record = LogRecord(
        timestamp=event.time_ns,
        observed_timestamp=NOW_NS,
        context=_context(event.trace),
        severity_text=text,
        severity_number=number,
        body=event.body,
        attributes=attributes,
        event_name=name,
    )
    return sdk_logs.ReadableLogRecord(
        record, Resource(RESOURCE), InstrumentationScope("otel_mmlog", __version__)
    )


def _context(trace: TraceRef | None) -> Context:
    if trace is None:
        return Context()
    span = SpanContext(trace.trace_id, trace.span_id, is_remote=False, trace_flags=TraceFlags(trace.flags))
    return set_span_in_context(NonRecordingSpan(span), Context())


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_an_event_is_the_message_that_the_official_encoder_makes(event: LogEvent) -> None:
    """Body, severity, times, ids, name and every kind of attribute value."""
    line = make_encoder().log_line(event)
    assert normal(parse(line.data, ExportLogsServiceRequest())) == normal(encode_logs([sdk_record(event)]))
