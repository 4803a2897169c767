"""Everything that a process exports, as OTLP JSON lines: the one front of the encoders."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_mmlog.core.record import LogEvent, RawSeries, Record
from otel_mmlog.otel.envelope import make_envelope
from otel_mmlog.otel.health import Health, HealthEncoder
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.logs import LogsEncoder
from otel_mmlog.otel.metrics import MetricsEncoder, later_ns
from otel_mmlog.otel.names import MetricNames
from otel_mmlog.otel.official import metrics_json
from otel_mmlog.otel.span_starts import SpanStartsEncoder
from otel_mmlog.otel.traces import TracesEncoder
from otel_mmlog.otel.values import Values


class Encoder:
    """Turns records, events, spans and SDK metrics into request lines; built once a process.

    A line is one request, as ``{"resourceMetrics":[{"resource":...,"scopeMetrics":[...]}]}``. Nothing here
    raises for a value: what cannot leave is counted.

    Args:
        resource: The attributes of the process.
        point_attributes: On every data point: rank, run id and attempt.
        names: Tag -> metric name.
        limits: Bounds of values, records and lines.
        clock_ns: Unix time in nanoseconds, for the observed time of logs.

    Attributes:
        faults: Reason -> how often something was cut, replaced or refused.
    """

    def __init__(
        self,
        resource: Mapping[str, Any],
        *,
        point_attributes: Mapping[str, Any],
        names: MetricNames,
        limits: Limits | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        limits = limits or Limits()
        self.faults: Counter[str] = Counter()
        self._limits = limits
        wide = replace(
            limits, attributes=max(limits.attributes, 128), value_chars=max(limits.value_chars, 1024)
        )
        metrics = make_envelope("metrics", resource, wide, self.faults)
        logs = make_envelope("logs", resource, wide, self.faults)
        values = Values(wide, self.faults)
        self._metrics = MetricsEncoder(metrics, point_attributes, names, values, self.faults)
        self._health = HealthEncoder(metrics, values.attributes(point_attributes), clock_ns())
        self._logs = LogsEncoder(logs, limits, self.faults, clock_ns)
        self._starts = SpanStartsEncoder(logs, limits, self._logs, clock_ns)
        self._traces = TracesEncoder(limits, self.faults)

    def metrics_lines(self, record: Record) -> list[EncodedLine]:
        """Return the record's numeric tags as gauges: one line, or several above 512 KiB."""
        return self._metrics.record_lines(record)

    def raw_metrics_lines(self, series: Iterable[RawSeries]) -> list[EncodedLine]:
        """Return raw values as ``mmlog.raw.*`` gauges."""
        return self._metrics.raw_lines(series)

    def health_lines(self, health: Health, time_ns: int) -> list[EncodedLine]:
        """Return what the rank tells of its own journal and sender, at a Unix time in nanoseconds."""
        return self._health.lines(health, later_ns(time_ns, self._metrics.last_ns))

    def stale_lines(self, time_ns: int) -> list[EncodedLine]:
        """Return the end of every series of records and raw values, at a Unix time in nanoseconds."""
        return self._metrics.stale_lines(time_ns)

    def stale_health_lines(self, time_ns: int) -> list[EncodedLine]:
        """Return the end of every series of `health_lines`, at a Unix time in nanoseconds."""
        return self._health.stale_lines(time_ns)

    def log_line(self, event: LogEvent) -> EncodedLine:
        """Return the event as one log record."""
        return self._logs.line(event)

    def start_line(self, span: ReadableSpan, context: SpanContext) -> EncodedLine:
        """Return the start of a span as one log record."""
        return self._starts.line(span, context)

    def spans_lines(self, spans: Sequence[ReadableSpan]) -> list[EncodedLine]:
        """Return SDK spans: one line, or several above 512 KiB."""
        return self._traces.lines(spans)

    def metrics_data_lines(self, data: MetricsData) -> list[EncodedLine]:
        """Return what an SDK metric reader collected: one line, or one a metric where that does not go."""
        count = count_points(data)
        line = self._metrics_data_line(data, count)
        if line is not None or not count:
            return [line] if line is not None and count else []
        parts = list(split_metrics(data))
        if len(parts) > 1:
            return [line for part in parts for line in self.metrics_data_lines(part)]
        self.faults["metric_refused"] += count
        return []

    def _metrics_data_line(self, data: MetricsData, count: int) -> EncodedLine | None:
        try:
            encoded = metrics_json(data)
        except Exception:  # noqa: BLE001 - the encoder's own exception type is private; the caller counts it
            return None
        return EncodedLine("metrics", encoded, count) if len(encoded) <= self._limits.line_bytes else None


def count_points(data: MetricsData) -> int:
    """Return the number of data points."""
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def split_metrics(data: MetricsData) -> Iterable[MetricsData]:
    """Yield each metric by itself, under its resource and scope."""
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                one_scope = replace(scope, metrics=[metric])
                yield MetricsData(resource_metrics=[replace(resource, scope_metrics=[one_scope])])
