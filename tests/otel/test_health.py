"""What a rank tells of its own journal and sender, as OTLP."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
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
from otel_mmlog.otel.health import DeliveryHealth, Health
from otel_mmlog.otel.lines import EncodedLine
from tests.oracle.otlp import normal, parse
from tests.otel.telemetry import NOW_NS, POINT, RESOURCE, all_items, attributes, make_encoder, make_record

S_NS = 10**9
MS_NS = 10**6
NOTHING = Health(produced={}, refused={}, faults={}, journal_bytes=0)

Sample = tuple[str, str, int, Any]


def samples(lines: list[EncodedLine]) -> list[Sample]:
    """Name, signal and reason, nanoseconds since the start, and value of each point."""
    found = []
    for item in all_items(lines):
        (point,) = (item.get("gauge") or item["sum"])["dataPoints"]
        labels = attributes(point)
        about = " ".join(labels[key] for key in ("signal", "reason") if key in labels)
        value = point.get("asInt", point.get("asDouble"))
        found.append((item["name"], about, int(point["timeUnixNano"]) - NOW_NS, value and float(value)))
    return found


def test_health_is_these_bytes() -> None:
    """Gauges first; a sum is cumulative and monotonic, and says since when it counts."""
    encoder = make_encoder(resource={"service.name": "exp"}, point_attributes={"rank": 3})
    health = Health(produced={"logs": 0}, refused={}, faults={}, journal_bytes=7)
    (line,) = encoder.health_lines(health, NOW_NS + 5 * S_NS)
    _, _, metrics = line.data.partition(b',"metrics":[')
    assert metrics == (
        b'{"name":"mmlog.journal.size","unit":"By","gauge":{"dataPoints":[{"attributes":['
        b'{"key":"rank","value":{"intValue":"3"}}],"timeUnixNano":"1700000005123456789","asInt":"7"}]}},'
        b'{"name":"mmlog.journal.produced","sum":{"aggregationTemporality":2,"isMonotonic":true,'
        b'"dataPoints":[{"attributes":[{"key":"rank","value":{"intValue":"3"}},'
        b'{"key":"signal","value":{"stringValue":"logs"}}],"startTimeUnixNano":"1700000000123456789",'
        b'"timeUnixNano":"1700000005123456789","asInt":"0"}]}}]}]}]}\n'
    )
    assert (line.signal, line.items) == ("metrics", 2)


COUNTS = st.dictionaries(st.sampled_from(["metrics", "logs", "traces"]), st.just(0))
HEALTHS = st.builds(
    Health,
    produced=COUNTS,
    refused=st.dictionaries(st.tuples(st.sampled_from(["metrics", "logs"]), st.just("cap")), st.just(0)),
    faults=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.just(0)),
    journal_bytes=st.integers(0, 2**40),
    delivery=st.none()
    | st.builds(
        DeliveryHealth,
        lag_s=st.floats(0, 1e9),
        backlog_bytes=st.integers(0, 2**40),
        delivered=COUNTS,
        rejected=COUNTS,
        quarantined=COUNTS,
    ),
)


def official(health: Health, time_ns: int) -> list[Metric]:
    """The same from the SDK's own classes, where every sum is zero."""
    sums: list[tuple[str, dict[str, str]]] = [
        ("journal.produced", {"signal": signal}) for signal in health.produced
    ]
    gauges: list[tuple[str, str, float]] = [("journal.size", "By", health.journal_bytes)]
    if health.delivery is not None:
        gauges += [
            ("delivery.lag", "s", health.delivery.lag_s),
            ("delivery.backlog", "By", health.delivery.backlog_bytes),
        ]
        for name in ("delivered", "rejected", "quarantined"):
            counts = getattr(health.delivery, name)
            sums += [(f"delivery.{name}", {"signal": signal}) for signal in counts]
    sums += [("journal.refused", {"signal": signal, "reason": reason}) for signal, reason in health.refused]
    sums += [("journal.faults", {"reason": reason}) for reason in health.faults]
    return [
        Metric(f"mmlog.{name}", "", unit, Gauge([NumberDataPoint(POINT, 0, time_ns, value)]))
        for name, unit, value in gauges
    ] + [
        Metric(
            f"mmlog.{name}",
            "",
            "",
            Sum(
                [NumberDataPoint({**POINT, **labels}, NOW_NS, time_ns, 0)],
                AggregationTemporality.CUMULATIVE,
                True,
            ),
        )
        for name, labels in sums
    ]


@given(HEALTHS)
def test_health_is_the_message_that_the_official_encoder_makes(health: Health) -> None:
    """Names, units, kinds, times and attributes are those of the SDK's own classes."""
    time_ns = NOW_NS + S_NS
    (line,) = make_encoder().health_lines(health, time_ns)
    scope = ScopeMetrics(InstrumentationScope("otel_mmlog", __version__), official(health, time_ns), "")
    expected = encode_metrics(MetricsData([ResourceMetrics(Resource(RESOURCE), [scope], "")]))
    assert normal(parse(line.data, ExportMetricsServiceRequest())) == normal(expected)


def test_a_sum_begins_with_zero() -> None:
    """The first step of a sum has a zero a millisecond before it, so that rates see it; nothing is backdated."""
    encoder = make_encoder()
    size = ("mmlog.journal.size", "", 8 * S_NS, 0)
    produced = ("mmlog.journal.produced", "logs")
    refused = ("mmlog.journal.refused", "logs cap")
    first = Health(produced={"logs": 4}, refused={}, faults={}, journal_bytes=0)
    assert samples(encoder.health_lines(first, NOW_NS + 8 * S_NS)) == [
        size,
        (*produced, 8 * S_NS, 0),
        (*produced, 8 * S_NS + MS_NS, 4),
    ]
    second = Health(produced={"logs": 9}, refused={("logs", "cap"): 2}, faults={}, journal_bytes=0)
    assert samples(encoder.health_lines(second, NOW_NS + 18 * S_NS))[1:] == [
        (*produced, 18 * S_NS, 9),
        (*refused, 18 * S_NS, 0),
        (*refused, 18 * S_NS + MS_NS, 2),
    ]


@pytest.mark.parametrize("time_ns", [NOW_NS - 5 * S_NS, NOW_NS, NOW_NS + 3])
def test_no_two_points_of_a_series_share_a_millisecond(time_ns: int) -> None:
    """Told twice and ended within a moment, or with a clock that was set back, times still go up."""
    encoder = make_encoder()
    health = Health(produced={"logs": 1}, refused={}, faults={}, journal_bytes=0)
    lines = encoder.health_lines(health, time_ns) + encoder.health_lines(health, time_ns)
    found = samples(lines + encoder.stale_health_lines(time_ns))
    produced = [time for name, _, time, _ in found if name == "mmlog.journal.produced"]
    assert all(later - earlier >= MS_NS for earlier, later in pairwise(produced))
    assert len(produced) == 4


def test_a_clock_that_was_put_right_is_followed() -> None:
    """Health told a day ahead, before the clock was set back, does not hold the next one there."""
    encoder = make_encoder()
    encoder.health_lines(NOTHING, NOW_NS + 86_400 * S_NS)
    assert {time for _, _, time, _ in samples(encoder.health_lines(NOTHING, NOW_NS))} == {0}


def test_health_is_never_older_than_records() -> None:
    """Behind the ends of series, which may be a moment ahead of the clock, health is not earlier."""
    encoder = make_encoder()
    encoder.metrics_lines(make_record({"loss": 1.0}))
    encoder.stale_lines(NOW_NS)
    assert {time for _, _, time, _ in samples(encoder.health_lines(NOTHING, NOW_NS))} == {MS_NS}


def test_every_series_of_health_ends() -> None:
    """One point without a value for each, and none for records."""
    encoder = make_encoder()
    health = Health(
        produced={"logs": 1},
        refused={("logs", "cap"): 1},
        faults={"x": 1},
        journal_bytes=1,
        delivery=DeliveryHealth(0.0, 0, {"logs": 1}, {}, {}),
    )
    told = {sample[:2] for sample in samples(encoder.health_lines(health, NOW_NS + S_NS))}
    assert encoder.stale_lines(NOW_NS + S_NS) == []
    ended = encoder.stale_health_lines(NOW_NS + 2 * S_NS)
    assert sorted(samples(ended)) == sorted((*each, 2 * S_NS, None) for each in told)
    assert all(b'"flags":1' in line.data and b'"as' not in line.data for line in ended)


def test_nothing_told_is_nothing_ended() -> None:
    """Without health there is no series of it; without counts only the size is told."""
    encoder = make_encoder()
    assert encoder.stale_health_lines(NOW_NS) == []
    assert [name for name, *_ in samples(encoder.health_lines(NOTHING, NOW_NS))] == ["mmlog.journal.size"]
