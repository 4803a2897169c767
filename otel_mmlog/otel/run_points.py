"""Exports what an SDK metric reader collects as points of a run, and ends their series with it."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.exporters import JournalMetricExporter
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.metrics import MILLISECOND_NS
from otel_mmlog.otel.tracer import OnLine

_Change = Callable[[NumberDataPoint], NumberDataPoint]


class RunPointExporter(JournalMetricExporter):
    """Writes gauges and sums to the journal, each point with the run's attributes besides its own.

    A journal that fills up refuses them before it refuses anything of the training.

    Args:
        encoder: Renders them.
        on_line: Takes the lines.
        point_attributes: On every point: rank, run id and attempt.
    """

    def __init__(self, encoder: Encoder, on_line: OnLine, point_attributes: Mapping[str, Any]) -> None:
        super().__init__(encoder, lambda line: on_line(line._replace(debug=True)))
        self._point_attributes = point_attributes
        self._lock = threading.Lock()
        self._last: MetricsData | None = None
        self._ended = False

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: Any
    ) -> MetricExportResult:
        """Hand the points over; a failure behind the end of the series."""
        with self._lock:
            if self._ended:
                return MetricExportResult.FAILURE
            self._last = _map_points(metrics_data, self._with_attributes)
            return super().export(self._last, timeout_millis, **options)

    def end_series(self, time_ns: int) -> None:
        """Write a point without a value (``flags: 1``) for each series of the last export; the next ones fail.

        Args:
            time_ns: Unix time in nanoseconds; a millisecond behind the last points it is at least.
        """
        with self._lock:
            last, self._last, self._ended = self._last, None, True
            if last is not None:
                end = _map_points(
                    last,
                    lambda point: replace(
                        point, time_unix_nano=max(time_ns, point.time_unix_nano + MILLISECOND_NS), value=0
                    ),
                )
                for line in self._encoder.metrics_data_lines(end):
                    self._on_line(_without_values(line))

    def _with_attributes(self, point: NumberDataPoint) -> NumberDataPoint:
        return replace(point, attributes={**self._point_attributes, **(point.attributes or {})})


def _map_points(data: MetricsData, change: _Change) -> MetricsData:
    """Return the data with each point changed, and without metrics that have none."""
    return MetricsData([_map_resource(resource, change) for resource in data.resource_metrics])


def _map_resource(resource: ResourceMetrics, change: _Change) -> ResourceMetrics:
    return replace(resource, scope_metrics=[_map_scope(scope, change) for scope in resource.scope_metrics])


def _map_scope(scope: ScopeMetrics, change: _Change) -> ScopeMetrics:
    return replace(
        scope, metrics=[_map_metric(metric, change) for metric in scope.metrics if metric.data.data_points]
    )


def _map_metric(metric: Metric, change: _Change) -> Metric:
    data = cast("Gauge | Sum", metric.data)
    return replace(metric, data=replace(data, data_points=[change(point) for point in data.data_points]))


def _without_values(line: EncodedLine) -> EncodedLine:
    """Turn every point into one that says that there is no value: the SDK has no such points."""
    request = json.loads(line.data)
    for resource in request["resourceMetrics"]:
        for scope in resource["scopeMetrics"]:
            for metric in scope["metrics"]:
                for point in (metric.get("gauge") or metric["sum"])["dataPoints"]:
                    point.pop("asInt", None)
                    point.pop("asDouble", None)
                    point["flags"] = 1
    return line._replace(data=json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
