"""What an SDK reader collects, as points of a run."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.run_points import RunPointExporter
from tests.otel.telemetry import NOW_NS, POINT, all_items, attributes, make_encoder


def points(lines: list[EncodedLine]) -> dict[str, dict[str, Any]]:
    """The only point of each metric."""
    found = {}
    for metric in all_items(lines):
        (found[metric["name"]],) = (metric.get("gauge") or metric["sum"])["dataPoints"]
    return found


def collected(lines: list[EncodedLine]) -> tuple[RunPointExporter, PeriodicExportingMetricReader]:
    exporter = RunPointExporter(make_encoder(), lines.append, POINT)
    reader = PeriodicExportingMetricReader(exporter, float("inf"))
    meter = MeterProvider([reader], Resource({}), shutdown_on_exit=False).get_meter("m")
    meter.create_counter("steps").add(2, {"device": "sda"})
    meter.create_gauge("heat").set(1.5)
    reader.collect()
    return exporter, reader


def test_points_say_whose_they_are() -> None:
    """The run's attributes are on each point, beside its own; a full journal refuses these lines first."""
    lines: list[EncodedLine] = []
    collected(lines)
    found = points(lines)
    own = {"rank": "3", "mmlog.run.id": "run", "mmlog.run.attempt": "1"}
    assert attributes(found["steps"]) == {**own, "device": "sda"}
    assert attributes(found["heat"]) == own
    assert (found["steps"]["asInt"], found["heat"]["asDouble"]) == ("2", 1.5)
    assert all(line.debug for line in lines)


def test_series_end_with_points_without_a_value() -> None:
    """Each has one, a millisecond behind its last point at least, under the same attributes."""
    lines: list[EncodedLine] = []
    exporter, _ = collected(lines)
    before = points(lines)
    lines.clear()
    exporter.end_series(NOW_NS)
    after = points(lines)
    assert sum(line.items for line in lines) == len(after) == 2
    for name, point in after.items():
        assert point["flags"] == 1
        assert not {"asInt", "asDouble"} & set(point)
        assert attributes(point) == attributes(before[name])
        assert int(point["timeUnixNano"]) == int(before[name]["timeUnixNano"]) + 1_000_000


def test_nothing_follows_the_end() -> None:
    """A collection that comes too late is not written, and the series end once."""
    lines: list[EncodedLine] = []
    exporter, reader = collected(lines)
    exporter.end_series(NOW_NS)
    lines.clear()
    reader.collect()
    exporter.end_series(NOW_NS)
    assert exporter.export(MetricsData([])) is MetricExportResult.FAILURE
    assert not lines
