"""The SDK's exporter interfaces over the journal, for what a user records with the SDK."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.tracer import OnLine


class JournalSpanExporter(SpanExporter):
    """Writes spans of any tracer provider to the journal.

    Args:
        encoder: Renders them.
        on_line: Takes the lines.
    """

    def __init__(self, encoder: Encoder, on_line: OnLine) -> None:
        self._encoder = encoder
        self._on_line = on_line

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand the spans over; what cannot be encoded is counted in the encoder's faults."""
        for line in self._encoder.spans_lines(spans):
            self._on_line(line)
        return SpanExportResult.SUCCESS


class JournalMetricExporter(MetricExporter):
    """Writes what a metric reader collects to the journal.

    Args:
        encoder: Renders it.
        on_line: Takes the lines.
        options: ``preferred_temporality`` and ``preferred_aggregation``, as the SDK's exporters take them.
    """

    def __init__(self, encoder: Encoder, on_line: OnLine, **options: Any) -> None:
        super().__init__(**options)
        self._encoder = encoder
        self._on_line = on_line

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature
        **_: Any,
    ) -> MetricExportResult:
        """Hand the points over; what cannot be encoded is counted in the encoder's faults."""
        for line in self._encoder.metrics_data_lines(metrics_data):
            self._on_line(line)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Return True: nothing is held back."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing: the journal is closed by its owner."""
