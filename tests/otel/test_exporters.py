from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_mmlog.otel.exporters import JournalMetricExporter, JournalSpanExporter
from otel_mmlog.otel.lines import EncodedLine
from tests.otel.telemetry import TINY, all_items, attributes, make_encoder


def gauges(**values: Any) -> MetricsData:
    """Return SDK metrics of one point each."""
    metrics = [
        Metric(name, None, None, Gauge([NumberDataPoint({}, 0, 5, value)])) for name, value in values.items()
    ]
    scope = ScopeMetrics(InstrumentationScope("s"), metrics, "")
    return MetricsData([ResourceMetrics(Resource({}), [scope], "")])


def test_a_users_spans_reach_the_journal() -> None:
    """Any provider can have the journal for its exporter."""
    lines: list[EncodedLine] = []
    provider = TracerProvider(resource=Resource({"who": "me"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(JournalSpanExporter(make_encoder(), lines.append)))
    with provider.get_tracer("t").start_as_current_span("work", attributes={"a": 1}):
        pass
    (span,) = all_items(lines)
    assert (span["name"], attributes(span)) == ("work", {"a": "1"})


def test_a_users_metrics_reach_the_journal() -> None:
    """A metric reader exports what its instruments hold, and shuts down without the journal."""
    lines: list[EncodedLine] = []
    reader = PeriodicExportingMetricReader(JournalMetricExporter(make_encoder(), lines.append), float("inf"))
    provider = MeterProvider([reader], Resource({}), shutdown_on_exit=False)
    meter = provider.get_meter("m")
    meter.create_counter("steps").add(2)
    meter.create_histogram("sizes").record(7)
    provider.force_flush()
    provider.shutdown()
    assert {item["name"] for item in all_items(lines)} >= {"steps", "sizes"}
    assert lines[0].items == 2


def test_one_metric_that_cannot_be_encoded_costs_itself() -> None:
    """The others leave; the lost points are counted."""
    encoder = make_encoder()
    lines = encoder.metrics_data_lines(gauges(good=1.5, bad=2**70, fine=3))
    assert [item["name"] for item in all_items(lines)] == ["good", "fine"]
    assert [line.items for line in lines] == [1, 1]
    assert encoder.faults == {"metric_refused": 1}


def test_metrics_that_are_too_long_for_a_line_are_split() -> None:
    """One a line, each below the limit."""
    encoder = make_encoder(limits=TINY)
    lines = encoder.metrics_data_lines(gauges(**{f"metric_{n}": n for n in range(100)}))
    assert len(lines) == 100
    assert max(len(line.data) for line in lines) <= TINY.line_bytes


def test_nothing_to_export_is_no_line() -> None:
    """An empty collection leaves nothing behind."""
    assert make_encoder().metrics_data_lines(gauges()) == []
    assert make_encoder().spans_lines([]) == []


def test_spans_that_are_too_long_for_a_line_are_split_and_cut() -> None:
    """First one a line, then its strings are cut; the span is not lost."""
    encoder = make_encoder()
    tracer = TracerProvider(resource=Resource({}), shutdown_on_exit=False).get_tracer("t")
    spans: list[Any] = [tracer.start_span(str(n), attributes={"x": "y" * 300_000}) for n in range(2)]
    spans.append(tracer.start_span("big", attributes={"x": "y" * 600_000, "keep": 1}))
    for n in range(2000):
        spans[-1].add_event(f"event {n}", {"z": "z" * 100})
    lines = encoder.spans_lines(spans)
    assert [line.items for line in lines] == [1, 1, 1]
    assert max(len(line.data) for line in lines) < 512 * 1024
    assert attributes(all_items(lines)[2])["keep"] == "1"
    assert encoder.faults["line_cut"] == 1


def test_an_event_at_the_beginning_of_time() -> None:
    """0 is what OTLP takes for unknown: the event has no time, and its line stays JSON."""
    tracer = TracerProvider(resource=Resource({}), shutdown_on_exit=False).get_tracer("t")
    span: Any = tracer.start_span("s")
    span.add_event("early", {"a": 1}, timestamp=0)
    (item,) = all_items(make_encoder().spans_lines([span]))
    assert [event["name"] for event in item["events"]] == ["early"]
    assert "timeUnixNano" not in item["events"][0]
