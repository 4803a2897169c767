"""What is told of a line without parsing it equals what parsing tells."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics._internal.exemplar import AlwaysOnExemplarFilter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link

from otel_mmlog.core.record import RawSeries
from otel_mmlog.core.segments import SegmentName
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.segment_writer import first_line
from otel_mmlog.sender.journal_lines import NotARequestError, count_items, is_text, signal_of, times_ns
from tests.otel.telemetry import NOW_NS, all_items, make_encoder, make_event, make_record
from tests.sender.reader_folders import T0_NS, request

HOSTILE = [
    '"timeUnixNano":"1"',
    '\\"spanId\\":',
    '"spanId":',
    '"exemplars":[',
    "]}]}]}\n",
    '{"resourceMetrics":[',
    "\0\x1f\x7f",
    "💥 \ud800",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))


def items_of(line: EncodedLine) -> int:
    """The items in a line, from parsing it."""
    items = all_items([line])
    if line.signal != "metrics":
        return len(items)
    data = [value for metric in items for value in metric.values() if isinstance(value, dict)]
    return sum(len(each["dataPoints"]) for each in data)


def check(line: EncodedLine) -> None:
    """What is told of a line is right."""
    assert is_text(line.data)
    assert signal_of(line.data) == line.signal
    assert count_items(line.signal, line.data) == items_of(line) == line.items


@given(st.dictionaries(texts, st.one_of(st.integers(), st.floats()), min_size=1), texts)
@settings(deadline=None)
def test_records(tags: dict[str, Any], name: str) -> None:
    """The lines of records have the signal and the items that parsing finds, whatever their strings are."""
    encoder = make_encoder(resource={"service.name": name, "host.name": '"timeUnixNano":'})
    for line in encoder.metrics_lines(make_record(tags)):
        check(line)
        assert times_ns("metrics", line.data) == (NOW_NS, NOW_NS)
    for line in encoder.stale_lines(NOW_NS + 5):
        check(line)


@given(texts, st.dictionaries(texts, st.one_of(texts, st.lists(texts), st.dictionaries(texts, texts))))
@settings(deadline=None)
def test_log_calls(body: str, attributes: dict[str, Any]) -> None:
    """A log record is one item of its time, whatever is in its body and attributes."""
    line = make_encoder().log_line(make_event(body=body, attributes=attributes))
    check(line)
    assert times_ns("logs", line.data) == (NOW_NS, NOW_NS)


def test_raw_values_have_their_own_times() -> None:
    """A line of several keys and times tells the first and the last."""
    moments = range(NOW_NS, NOW_NS + 700)
    series = [RawSeries(key, moments, [1.5] * 700) for key in ("train/a", "train/b")]
    (line,) = make_encoder().raw_metrics_lines(series)
    check(line)
    assert times_ns("metrics", line.data) == (NOW_NS, NOW_NS + 699)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.mark.parametrize("hostile", HOSTILE[:-1])
def test_spans(spans: InMemorySpanExporter, hostile: str) -> None:
    """Spans with events, links, attributes and a status are counted once each, and are as old as their end."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = provider.get_tracer("test", schema_url="https://example.com/schema")
    with tracer.start_as_current_span("parent", start_time=5) as parent:
        parent.add_event(hostile, {hostile: hostile})
        links = [Link(parent.get_span_context(), {"a": hostile})] * 2
        tracer.start_span("child", links=links, start_time=7).end(T0_NS)
        tracer.start_span(hostile, start_time=6).end(T0_NS + 9)
    finished = spans.get_finished_spans()
    encoder = make_encoder()
    for some in (finished, finished[:1], finished[1:2]):
        for line in encoder.spans_lines(some):
            check(line)
    assert [times_ns("traces", encoder.spans_lines([span])[0].data) for span in finished[:2]] == [
        (T0_NS, T0_NS),
        (T0_NS + 9, T0_NS + 9),
    ]


def test_official_metrics() -> None:
    """Sums, gauges and histograms of the SDK are counted, exemplars are not."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], exemplar_filter=AlwaysOnExemplarFilter(), shutdown_on_exit=False)
    meter = provider.get_meter("test", attributes={"a": '"timeUnixNano":'})
    counter, histogram = meter.create_counter("c"), meter.create_histogram("h")
    gauge = meter.create_gauge("g", unit='"exemplars":')
    for number in range(4):
        counter.add(number, {"n": number % 2, "spanId": "timeUnixNano"})
        histogram.record(number, {"n": number})
        gauge.set(number, {"n": '"timeUnixNano":'})
    data = reader.get_metrics_data()
    assert data is not None
    (line,) = make_encoder().metrics_data_lines(data)
    assert b'"exemplars":' in line.data
    check(line)
    assert line.items == 7


def test_lines_without_items_are_nobodys() -> None:
    """A segment's first line, and a request without points, is passed over."""
    assert signal_of(first_line(SegmentName("20260101T000000_000000", "0000000a", 0))) is None
    assert signal_of(b'{"resourceLogs":[]}\n') is None
    assert signal_of(b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{}}]}]}]}\n') is None


def test_other_spacing_is_parsed() -> None:
    """A request that another program wrote counts the same."""
    for signal in ("metrics", "logs", "traces"):
        spaced = json.dumps(json.loads(request(signal, "a")), indent=None).encode() + b" \r\n"
        assert signal_of(spaced) == signal
        assert count_items(signal, spaced) == 1
        assert times_ns(signal, spaced) == (T0_NS, T0_NS)


@pytest.mark.parametrize("signal", ["metrics", "logs", "traces"])
def test_a_torn_line_is_no_request(signal: Any) -> None:
    """A line that was cut anywhere, with or without a newline behind it, is refused."""
    line = request(signal, "a")
    for length in range(len(line) - 1):
        for end in (b"", b"\n"):
            with pytest.raises(NotARequestError):
                signal_of(line[:length] + end)
    assert signal_of(line[:-1]) == signal_of(line) == signal


@pytest.mark.parametrize(
    "line",
    [
        b"[]\n",
        b"7\n",
        b'{"resourceLogs":7}\n',
        b'{"resourceLogs":[7]}\n',
        b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[7]}]}]}\n',
        b'{"resourceProfiles":[]}\n',
        b'{"resourceLogs":[],"resourceSpans":[]}\n',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":NaN}]}]}]} \n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_other_json_is_no_request(line: bytes) -> None:
    """Whatever is not a request of one signal is refused."""
    with pytest.raises(NotARequestError):
        signal_of(line)


def test_times_that_are_missing_are_none() -> None:
    """Without a time, or with zero, a line tells none."""
    assert times_ns("logs", b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}\n') is None
    assert times_ns("logs", request("logs", "a").replace(str(T0_NS).encode(), b"0")) is None
    assert times_ns("logs", request("logs", "a").replace(f'"{T0_NS}"'.encode(), b"12")) == (12, 12)
