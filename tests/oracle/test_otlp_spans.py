"""The official trace encoder as the oracle of what a span becomes."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from tests.oracle.otlp import ATTRIBUTES, KEY, SPAN_IDS, TEXT, TIMES_NS, TRACE_IDS, normal, parse
from tests.otel.telemetry import make_encoder

CONTEXTS = st.builds(
    SpanContext,
    TRACE_IDS,
    SPAN_IDS,
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    st.sampled_from([TraceState(), TraceState([("vendor", "x")])]),
)


def statuses() -> st.SearchStrategy[Status]:
    """Return statuses; only errors may have a description."""
    return st.one_of(
        st.just(Status()), st.just(Status(StatusCode.OK)), st.builds(Status, st.just(StatusCode.ERROR), TEXT)
    )


SPANS = st.builds(
    ReadableSpan,
    name=TEXT,
    context=CONTEXTS,
    parent=st.none() | CONTEXTS,
    resource=st.builds(Resource, st.dictionaries(KEY, TEXT, max_size=3)),
    attributes=ATTRIBUTES,
    events=st.lists(st.builds(Event, TEXT, ATTRIBUTES, TIMES_NS), max_size=3),
    links=st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=3),
    kind=st.sampled_from(SpanKind),
    status=statuses(),
    start_time=st.integers(1, 2**62),
    end_time=st.integers(2**62, 2**63 - 1),
    instrumentation_scope=st.builds(InstrumentationScope, TEXT, TEXT),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=3))
def test_a_span_is_the_message_that_the_official_encoder_makes(spans: list[Any]) -> None:
    """Ids, links, events, kinds, states and every kind of attribute value."""
    (line,) = make_encoder().spans_lines(spans)
    assert normal(parse(line.data, ExportTraceServiceRequest())) == normal(encode_spans(spans))
    assert line.items == len(spans)


@settings(max_examples=50, deadline=None)
@given(st.lists(SPANS, min_size=2, max_size=4))
def test_spans_one_by_one_have_each_its_own_resource(spans: list[Any]) -> None:
    """An encoder that has seen a resource encodes the next span with that of the next span."""
    encoder = make_encoder()
    for span in (*spans, *spans[:1], *spans[:1]):
        (line,) = encoder.spans_lines([span])
        assert normal(parse(line.data, ExportTraceServiceRequest())) == normal(encode_spans([span]))
