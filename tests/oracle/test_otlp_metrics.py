"""The official metrics encoder as the oracle of what a record and an SDK metric become."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_mmlog._version import __version__
from otel_mmlog.core.record import CURRENT, Source
from otel_mmlog.otel.names import MetricNames
from tests.oracle.otlp import INT64, KEY, SPAN_IDS, TEXT, TIMES_NS, TRACE_IDS, normal, parse
from tests.otel.telemetry import NOW_NS, POINT, RESOURCE, ignore, make_encoder, make_record

UNITS = {"time": "s", "data_time": "s", "eta": "s", "memory": "MiBy"}
TAGS = st.dictionaries(
    KEY.filter(lambda tag: not tag.startswith(("train/", "val/", "test/"))) | st.sampled_from(list(UNITS)),
    INT64 | st.floats(),
    min_size=1,
    max_size=8,
)
SOURCES = st.builds(
    Source, st.sampled_from(["mean", "max"]) | TEXT, st.sampled_from(["10", "epoch", "global"])
)


def one_scope(metrics: list[Metric], resource: dict[str, Any], scope: InstrumentationScope) -> MetricsData:
    """Return the SDK's shape of a request."""
    return MetricsData([ResourceMetrics(Resource(resource), [ScopeMetrics(scope, metrics, "")], "")])


@settings(max_examples=200, deadline=None)
@given(TAGS, st.dictionaries(st.sampled_from(["time", "a"]), SOURCES))
def test_a_record_is_the_message_that_the_official_encoder_makes(
    tags: dict[str, Any], sources: dict[str, Source]
) -> None:
    """The same gauges from the SDK's own classes are the same message, NaN and infinities included."""
    (line,) = make_encoder().metrics_lines(make_record(tags, sources=sources))
    names = MetricNames(ignore)
    metrics = []
    for tag, value in tags.items():
        source = sources.get(tag, CURRENT)
        attributes = {**POINT, "method": source.method, "window": source.window}
        point = NumberDataPoint(attributes, 0, NOW_NS, value)
        name, unit = names.name_for("train", tag), UNITS.get(tag, "")
        metrics.append(Metric(name, "", unit, Gauge([point])))
    expected = encode_metrics(one_scope(metrics, RESOURCE, InstrumentationScope("otel_mmlog", __version__)))
    assert normal(parse(line.data, ExportMetricsServiceRequest())) == normal(expected)
    assert line.items == len(tags)


EXEMPLARS = st.builds(
    Exemplar,
    st.dictionaries(KEY, TEXT, max_size=2),
    st.floats() | INT64,
    TIMES_NS,
    SPAN_IDS,
    TRACE_IDS,
)
NUMBERS = st.builds(
    NumberDataPoint,
    st.dictionaries(KEY, TEXT, max_size=2),
    TIMES_NS,
    TIMES_NS,
    INT64 | st.floats(),
    st.lists(EXEMPLARS, max_size=2),
)
HISTOGRAMS = st.builds(
    HistogramDataPoint,
    st.dictionaries(KEY, TEXT, max_size=2),
    TIMES_NS,
    TIMES_NS,
    st.integers(0, 2**63),
    st.floats(),
    st.just([1, 2**40, 0]),
    st.just([0.5, math.inf]),
    st.floats(),
    st.floats(),
    st.lists(EXEMPLARS, max_size=2),
)
SDK_METRICS = st.builds(
    Metric,
    TEXT,
    TEXT,
    TEXT,
    st.builds(Gauge, st.lists(NUMBERS, min_size=1, max_size=3))
    | st.builds(
        Sum, st.lists(NUMBERS, min_size=1, max_size=3), st.sampled_from(AggregationTemporality), st.booleans()
    )
    | st.builds(
        Histogram, st.lists(HISTOGRAMS, min_size=1, max_size=3), st.sampled_from(AggregationTemporality)
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SDK_METRICS, min_size=1, max_size=3))
def test_an_sdk_metric_is_the_message_that_the_official_encoder_makes(metrics: list[Metric]) -> None:
    """Sums, histograms and the ids of exemplars too."""
    data = one_scope(metrics, {"a": 1}, InstrumentationScope("s", "1"))
    (line,) = make_encoder().metrics_data_lines(data)
    assert normal(parse(line.data, ExportMetricsServiceRequest())) == normal(encode_metrics(data))
