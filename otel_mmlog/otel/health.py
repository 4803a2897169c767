"""What a rank tells of its own telemetry: items kept, lost and delivered, as gauges and cumulative sums."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otel_mmlog.core.record import number_json
from otel_mmlog.otel import semconv
from otel_mmlog.otel.counts import Reason
from otel_mmlog.otel.envelope import Envelope
from otel_mmlog.otel.lines import EncodedLine, Signal
from otel_mmlog.otel.metrics import MILLISECOND_NS, later_ns
from otel_mmlog.otel.values import attributes_json

_GAUGE = '"gauge":{'
_SUM = '"sum":{"aggregationTemporality":2,"isMonotonic":true,'  # 2 is cumulative


@dataclass(frozen=True, slots=True)
class DeliveryHealth:
    """How far the sender of a rank is. Counts are items, by signal; what it found of earlier attempts is among them.

    Attributes:
        lag_s: Age in seconds of the oldest item that is not acknowledged.
        backlog_bytes: Journal that is not acknowledged.
        delivered: What the server took.
        rejected: What it answered for and dropped.
        quarantined: What it refused, and is kept beside the journal.
    """

    lag_s: float
    backlog_bytes: int
    delivered: Mapping[Signal, int]
    rejected: Mapping[Signal, int]
    quarantined: Mapping[Signal, int]


@dataclass(frozen=True, slots=True)
class Health:
    """How a rank's telemetry fares. Counts are items since the attempt's start.

    Attributes:
        produced: By signal, what was given to the journal.
        refused: By signal and reason, what of it the journal did not take.
        faults: By reason, values that were cut or replaced, and what failed in the pipeline.
        journal_bytes: The journal on disk.
        delivery: None without a sender, or before it told anything.
    """

    produced: Mapping[Signal, int]
    refused: Mapping[tuple[Signal, Reason], int]
    faults: Mapping[str, int]
    journal_bytes: int
    delivery: DeliveryHealth | None = None


class HealthEncoder:
    """Renders health, one point a metric; knows every series it ever rendered.

    A sum that is not zero when it is first told begins with a zero, and its value follows a millisecond later, so
    that ``increase()`` and ``rate()`` see the first step. No two points of a series share a millisecond, which is all
    that Prometheus tells apart; and no point is older than the ones before, since it would refuse that for any series
    of the same process (each request also writes to the one ``target_info``).

    Args:
        envelope: Around the metrics of a line.
        point_attributes: On every point: rank, run id and attempt.
        start_ns: Unix time in nanoseconds at which every sum was zero.
    """

    def __init__(self, envelope: Envelope, point_attributes: Mapping[str, Any], start_ns: int) -> None:
        self._envelope = envelope
        self._attributes = point_attributes
        self._start = f'"startTimeUnixNano":"{start_ns}",'
        self._told_ns = start_ns
        self._series: dict[str, None] = {}

    def lines(self, health: Health, time_ns: int) -> list[EncodedLine]:
        """Return the points of a moment, a millisecond behind the ones before at least."""
        now_ns = later_ns(time_ns, self._told_ns + MILLISECOND_NS)
        self._told_ns = next_ns = now_ns + MILLISECOND_NS
        metrics: list[str] = []
        for name, unit, gauge in _gauges(health):
            series = self._head(name, unit, _GAUGE, {}, "")
            self._series[series] = None
            metrics.append(_point(series, now_ns, gauge))
        for name, attributes, count in _sums(health):
            series = self._head(name, "", _SUM, attributes, self._start)
            is_step = bool(count) and series not in self._series
            if is_step:
                metrics.append(_point(series, now_ns, 0))
            self._series[series] = None
            metrics.append(_point(series, next_ns if is_step else now_ns, count))
        return self._envelope.lines(metrics)

    def stale_lines(self, time_ns: int) -> list[EncodedLine]:
        """Return a point without a value (``flags: 1``) for each series, a millisecond behind its last at least."""
        now_ns = later_ns(time_ns, self._told_ns + MILLISECOND_NS)
        return self._envelope.lines([f'{series}{now_ns}","flags":1}}]}}}}' for series in self._series])

    def _head(self, name: str, unit: str, kind: str, attributes: Mapping[str, Any], start: str) -> str:
        """All of a metric up to its point's time."""
        unit_json = f'"unit":"{unit}",' if unit else ""
        labels = attributes_json({**self._attributes, **attributes})
        return f'{{"name":"{name}",{unit_json}{kind}"dataPoints":[{{"attributes":[{labels}],{start}"timeUnixNano":"'


def _point(series: str, time_ns: int, value: float) -> str:
    number = f'"asInt":"{value}"' if isinstance(value, int) else f'"asDouble":{number_json(value)}'
    return f'{series}{time_ns}",{number}}}]}}}}'


def _gauges(health: Health) -> Iterator[tuple[str, str, float]]:
    """Name, unit and value."""
    yield semconv.JOURNAL_SIZE, "By", health.journal_bytes
    if health.delivery is not None:
        yield semconv.DELIVERY_LAG, "s", float(health.delivery.lag_s)
        yield semconv.DELIVERY_BACKLOG, "By", health.delivery.backlog_bytes


def _sums(health: Health) -> Iterator[tuple[str, dict[str, str], int]]:
    """Name, attributes and value."""
    by_signal = {semconv.JOURNAL_PRODUCED: health.produced}
    if health.delivery is not None:
        by_signal[semconv.DELIVERY_DELIVERED] = health.delivery.delivered
        by_signal[semconv.DELIVERY_REJECTED] = health.delivery.rejected
        by_signal[semconv.DELIVERY_QUARANTINED] = health.delivery.quarantined
    for name, counts in by_signal.items():
        for signal, count in counts.items():
            yield name, {semconv.SIGNAL: signal}, count
    for (signal, reason), count in health.refused.items():
        yield semconv.JOURNAL_REFUSED, {semconv.SIGNAL: signal, semconv.REASON: reason}, count
    for fault, count in health.faults.items():
        yield semconv.JOURNAL_FAULTS, {semconv.REASON: fault}, count
