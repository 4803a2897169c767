import math
from dataclasses import replace
from typing import Any

import pytest

from otel_mmlog.core.record import RawSeries, Source
from otel_mmlog.otel import metrics
from otel_mmlog.otel.lines import EncodedLine
from tests.otel.telemetry import NOW_NS, RESOURCE, TINY, all_items, attributes, make_encoder, make_record


def points(lines: list[EncodedLine]) -> dict[str, list[dict[str, Any]]]:
    """Return name -> data points."""
    return {item["name"]: item["gauge"]["dataPoints"] for item in all_items(lines)}


def test_a_record_is_these_bytes() -> None:
    """One gauge, whose point has the record's time, the rank and how the value was taken."""
    encoder = make_encoder(resource={"service.name": "exp"}, point_attributes={"rank": 3})
    (line,) = encoder.metrics_lines(make_record({"time": 0.5}, sources={"time": Source("mean", "20")}))
    head, _, metric = line.data.partition(b',"metrics":[')
    assert head.startswith(
        b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"exp"}}]},'
        b'"scopeMetrics":[{"scope":{"name":"otel_mmlog","version":"'
    )
    assert metric == (
        b'{"name":"mmlog.train.time","unit":"s","gauge":{"dataPoints":[{"attributes":['
        b'{"key":"rank","value":{"intValue":"3"}},{"key":"method","value":{"stringValue":"mean"}},'
        b'{"key":"window","value":{"stringValue":"20"}}],'
        b'"timeUnixNano":"1700000000123456789","asDouble":0.5}]}}]}]}]}\n'
    )
    assert (line.signal, line.items, line.debug) == ("metrics", 1, False)


def test_every_numeric_tag_is_a_point() -> None:
    """NaN and infinities are data; what is no number makes no metric."""
    tags = {
        "a": math.nan,
        "b": math.inf,
        "c": -math.inf,
        "d": 3,
        "e": 2**70,
        "f": True,
        "g": "text",
        "h": [1.0],
    }
    found = points(make_encoder().metrics_lines(make_record(tags)))
    assert {
        name: {key: value for key, value in point.items() if key.startswith("as")}
        for name, (point,) in found.items()
    } == {
        "mmlog.train.a": {"asDouble": "NaN"},
        "mmlog.train.b": {"asDouble": "Infinity"},
        "mmlog.train.c": {"asDouble": "-Infinity"},
        "mmlog.train.d": {"asInt": "3"},
        "mmlog.train.e": {"asDouble": 2.0**70},
        "mmlog.train.f": {"asInt": "1"},
    }


def test_an_integer_beyond_doubles_is_infinite() -> None:
    """It is data as a diverging loss is."""
    (point,) = points(make_encoder().metrics_lines(make_record({"x": -(10**400)})))["mmlog.train.x"]
    assert point["asDouble"] == "-Infinity"


def test_a_record_without_numbers_is_no_line() -> None:
    """An empty request would be noise."""
    assert make_encoder().metrics_lines(make_record({"x": "text"})) == []


def test_points_have_no_start_time_and_share_the_records_time() -> None:
    """A dashboard joins loss and iteration by time."""
    found = points(make_encoder().metrics_lines(make_record({"loss": 1.0, "iter": 25})))
    times = {point["timeUnixNano"] for (point,) in found.values()}
    assert times == {str(NOW_NS)}
    assert all("startTimeUnixNano" not in point for (point,) in found.values())


def test_a_tag_of_two_rules_is_two_series_of_one_metric() -> None:
    """Method and window tell them apart."""
    encoder = make_encoder()
    for window in ("10", "20"):
        encoder.metrics_lines(make_record({"loss": 1.0}, sources={"loss": Source("mean", window)}))
    stale = all_items(encoder.stale_lines(NOW_NS))
    assert [item["name"] for item in stale] == ["mmlog.train.loss"] * 2
    windows = {attributes(point)["window"] for item in stale for point in item["gauge"]["dataPoints"]}
    assert windows == {"10", "20"}


def test_raw_values_keep_their_own_times() -> None:
    """One metric a key, one point a step."""
    encoder = make_encoder()
    lines = encoder.raw_metrics_lines(
        [RawSeries("train/loss", [10, 20], [1.5, 2.5]), RawSeries("train/lr", [10], [0.1])]
    )
    found = points(lines)
    assert [(p["timeUnixNano"], p["asDouble"]) for p in found["mmlog.raw.train.loss"]] == [
        ("10", 1.5),
        ("20", 2.5),
    ]
    assert attributes(found["mmlog.raw.train.lr"][0]) == {
        "rank": "3",
        "mmlog.run.id": "run",
        "mmlog.run.attempt": "1",
    }
    assert [line.items for line in lines] == [3]


@pytest.mark.parametrize(
    ("values", "rendered"),
    [
        ([0.5, math.nan], [("asDouble", 0.5), ("asDouble", "NaN")]),
        ([1, 2], [("asInt", "1"), ("asInt", "2")]),
        ([1, 0.5], [("asInt", "1"), ("asDouble", 0.5)]),
        ([True, 2**70], [("asInt", "1"), ("asDouble", 2.0**70)]),
    ],
)
def test_raw_values_are_written_as_what_they_are(values: list[Any], rendered: list[Any]) -> None:
    """Ints as ints while they fit, whatever else as the nearest double."""
    lines = make_encoder().raw_metrics_lines([RawSeries("train/a", [1, 2], values)])
    found = points(lines)["mmlog.raw.train.a"]
    assert [(key, point[key]) for point in found for key in ("asInt", "asDouble") if key in point] == rendered


def test_many_raw_values_are_cut_into_lines_that_count_their_points() -> None:
    """No line is too long, no point is lost."""
    encoder = make_encoder()
    lines = encoder.raw_metrics_lines([RawSeries("train/loss", range(5000), [0.5] * 5000)])
    assert len(lines) > 1
    assert sum(line.items for line in lines) == 5000
    assert max(len(line.data) for line in lines) < 512 * 1024
    assert sum(len(item["gauge"]["dataPoints"]) for item in all_items(lines)) == 5000


def test_a_record_of_many_tags_is_several_lines() -> None:
    """Each line stays below its limit."""
    encoder = make_encoder(limits=TINY)
    lines = encoder.metrics_lines(make_record({f"layer{n}.grad": float(n) for n in range(100)}))
    assert len(lines) > 1
    assert max(len(line.data) for line in lines) <= TINY.line_bytes
    assert sum(line.items for line in lines) == len(all_items(lines)) == 100


def test_every_series_ends_with_a_point_without_a_value() -> None:
    """The flag says that no value was recorded: stale at once."""
    encoder = make_encoder()
    encoder.metrics_lines(make_record({"loss": 1.0}))
    encoder.metrics_lines(make_record({"acc": 1.0}, mode="val"))
    encoder.raw_metrics_lines([RawSeries("train/loss", [5], [1.0])])
    end_ns = NOW_NS + 10**9
    found = points(encoder.stale_lines(end_ns))
    assert set(found) == {"mmlog.train.loss", "mmlog.val.acc", "mmlog.raw.train.loss"}
    for (point,) in found.values():
        assert point["flags"] == 1
        assert point["timeUnixNano"] == str(end_ns)
        assert not {"asInt", "asDouble"} & set(point)


@pytest.mark.parametrize("is_raw", [False, True])
def test_a_series_ends_in_another_millisecond_than_its_last_value(*, is_raw: bool) -> None:
    """Prometheus has no two points in one millisecond: a run may end right behind its last value."""
    encoder = make_encoder()
    if is_raw:
        encoder.raw_metrics_lines([RawSeries("train/loss", [NOW_NS], [1.0])])
    else:
        encoder.metrics_lines(make_record({"loss": 1.0}))
    ((point,),) = points(encoder.stale_lines(NOW_NS + 1)).values()
    assert int(point["timeUnixNano"]) == NOW_NS + 1_000_000


def test_a_clock_that_was_put_right_ends_series_in_the_present() -> None:
    """Points a day ahead, from before the clock was set back, draw no later one into their future."""
    encoder = make_encoder()
    day_ns = 86_400 * 10**9
    encoder.metrics_lines(replace(make_record({"loss": 1.0}), time_ns=NOW_NS + day_ns))
    encoder.metrics_lines(make_record({"loss": 1.0}))
    ((point,),) = points(encoder.stale_lines(NOW_NS + 1)).values()
    assert int(point["timeUnixNano"]) == NOW_NS + 1_000_000


def test_names_that_are_cut_are_counted() -> None:
    """A name that is too long or has no UTF-8 leaves as another one; the count says so."""
    encoder = make_encoder()
    encoder.metrics_lines(make_record({"x" * 10_000: 1.0, "a\ud800": 2.0, "fine/name": 3.0}))
    assert encoder.faults == {"name_cut": 1, "value_replaced": 1}


def test_without_series_nothing_is_stale() -> None:
    """A run that logged nothing ends without a word."""
    assert make_encoder().stale_lines(1) == []


def test_two_tags_that_say_the_same_are_one_point() -> None:
    """Prometheus would refuse a request with two values for one series and time."""
    encoder = make_encoder()
    record = make_record({"loss": 1.0, "train/loss": 2.0})
    encoder.metrics_lines(record)
    assert [p["asDouble"] for p in points(encoder.metrics_lines(record))["mmlog.train.loss"]] == [1.0]
    assert encoder.faults["duplicate_point"] >= 1


def test_series_are_limited_and_refusals_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Series beyond the limit are refused, those that were there go on."""
    monkeypatch.setattr(metrics, "MAX_SERIES", 2)
    encoder = make_encoder()
    encoder.metrics_lines(make_record({"a": 1.0, "b": 1.0}))
    found = points(encoder.metrics_lines(make_record({"a": 1.0, "c": 1.0})))
    assert set(found) == {"mmlog.train.a"}
    assert encoder.raw_metrics_lines([RawSeries("train/d", [1], [1.0])]) == []
    assert encoder.faults["series_limit"] == 2


def test_a_hostile_resource_leaves_room_for_points() -> None:
    """64 KiB of it at most."""
    encoder = make_encoder(resource={**RESOURCE, **{f"k{n}": "\x01" * 4000 for n in range(50)}})
    (line,) = encoder.metrics_lines(make_record({"a": 1.0}))
    assert len(line.data) < 200 * 1024
    assert encoder.faults["resource_cut"] > 0
