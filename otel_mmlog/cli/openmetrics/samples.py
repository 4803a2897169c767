"""Turns requests of metrics into samples, with the names and labels that Prometheus would give them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from otel_mmlog.core.escape import escape
from otel_mmlog.otel.prometheus import (
    Kind,
    label_value,
    metric_name,
    point_labels,
    resource_labels,
    series_labels,
)

Attributes = Sequence[Mapping[str, Any]]
"""A list of KeyValue of OTLP JSON."""

_CUMULATIVE = (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")
_TYPES: Mapping[Kind, str] = {
    "gauge": "gauge",
    "sum": "gauge",
    "counter": "counter",
    "histogram": "histogram",
}
_MILLISECOND_NS = 1_000_000
_NO_RECORDED_VALUE = 1


class Series(NamedTuple):
    """A series; the order is the one in which OpenMetrics wants them.

    Attributes:
        family: The metric's name without what its type adds (``_total``, ``_bucket``).
        type: Of the family, as OpenMetrics names it.
        text: Name and labels as they are written: ``mmlog_train_loss{rank="0"}``.
    """

    family: str
    type: str
    text: str


class Sample(NamedTuple):
    """One number.

    Attributes:
        series: What it belongs to: a small number, see `Samples.series`.
        time_ms: Unix time in milliseconds, which is all that Prometheus keeps.
        value: May be NaN or infinite.
    """

    series: int
    time_ms: int
    value: float


class Samples:
    """Makes samples; knows every series it ever saw.

    Attributes:
        series: Every series so far; its index is the number in its samples.
        left_out: Points that Prometheus would not take, or text cannot hold, by kind.
    """

    def __init__(self) -> None:
        self.series: list[Series] = []
        self.left_out: Counter[str] = Counter()
        self._numbers: dict[Series, int] = {}
        self._known: dict[_Key, int] = {}
        self._resources: dict[str, int] = {}
        self._resource_labels: list[dict[str, str]] = []

    def of(self, request: Any) -> Iterator[Sample]:
        """Yield the samples of a request; the ends of series are none.

        Raises:
            ValueError, TypeError, KeyError, AttributeError, OverflowError: It is no request of metrics.
        """
        for group in request["resourceMetrics"]:
            resource = self._resource(group.get("resource", {}).get("attributes", ()))
            for scope in group.get("scopeMetrics", ()):
                for metric in scope.get("metrics", ()):
                    yield from self._metric(metric, resource)

    def _metric(self, metric: Mapping[str, Any], resource: int) -> Iterator[Sample]:
        kind, points = _kind_and_points(metric)
        name = metric_name(metric["name"], metric.get("unit", ""), kind) if kind else ""
        if kind is None or not name:
            self.left_out[_data_key(metric)] += len(points)
            return
        for point in points:
            if int(point.get("flags", 0)) & _NO_RECORDED_VALUE:
                continue
            time_ms = int(point["timeUnixNano"]) // _MILLISECOND_NS
            if time_ms >> 63:
                raise ValueError(f"timeUnixNano is {point['timeUnixNano']!r}, but it has 64 bits")
            attributes = point.get("attributes", ())
            written = repr(attributes)
            for suffix, bound, value in _histogram(point) if kind == "histogram" else _number(point):
                number = self._number(_Key(name, kind, resource, written, suffix, bound), attributes)
                yield Sample(number, time_ms, value)

    def _number(self, key: "_Key", attributes: Attributes) -> int:
        number = self._known.get(key)
        if number is None:
            series = _series(key, _texts(attributes), self._resource_labels[key.resource])
            number = self._known[key] = self._numbers.setdefault(series, len(self.series))
            if number == len(self.series):
                self.series.append(series)
        return number

    def _resource(self, attributes: Attributes) -> int:
        number = self._resources.setdefault(repr(attributes), len(self._resources))
        if number == len(self._resource_labels):
            self._resource_labels.append(resource_labels(_texts(attributes)))
        return number


class _Key(NamedTuple):
    """What makes a series one; `written` are its attributes."""

    name: str
    kind: Kind
    resource: int
    written: str
    suffix: str
    bound: str


def _series(key: _Key, attributes: Mapping[str, str], resource: Mapping[str, str]) -> Series:
    labels = series_labels(resource, point_labels(attributes))
    if key.bound:
        labels["le"] = key.bound
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    family = key.name.removesuffix("_total") if key.kind == "counter" else key.name
    return Series(family, _TYPES[key.kind], f"{key.name}{key.suffix}{{{inside}}}")


def _texts(attributes: Attributes) -> dict[str, str]:
    return {pair["key"]: label_value(pair.get("value", {})) for pair in attributes}


def _escaped(value: str) -> str:
    """A label's value as text writes it; a control character in it comes as what `escape` shows of it."""
    shown = "\n".join(map(escape, value.split("\n")))
    return shown.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _kind_and_points(metric: Mapping[str, Any]) -> tuple[Kind | None, list[Mapping[str, Any]]]:
    """What a metric is; None for what Prometheus does not take by default, and for what text cannot hold."""
    data = metric.get(_data_key(metric), {})
    points = list(data.get("dataPoints", ()))
    is_cumulative = data.get("aggregationTemporality") in _CUMULATIVE
    if "gauge" in metric:
        return "gauge", points
    if "sum" in metric and is_cumulative:
        return ("counter" if data.get("isMonotonic") else "sum"), points
    return ("histogram" if "histogram" in metric and is_cumulative else None), points


def _data_key(metric: Mapping[str, Any]) -> str:
    kinds = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
    return next((kind for kind in kinds if kind in metric), "unknown")


def _number(point: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """No suffix, no bound, and the value of a gauge's or sum's point."""
    yield "", "", float(point.get("asDouble", point.get("asInt", 0)))


def _histogram(point: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Suffix, upper bound or nothing, and value of each sample of a histogram's point."""
    count = float(point.get("count", 0))
    if "sum" in point:
        yield "_sum", "", float(point["sum"])
    yield "_count", "", count
    below = accumulate(int(each) for each in point.get("bucketCounts", ()))
    for bound, total in zip(point.get("explicitBounds", ()), below, strict=False):
        yield "_bucket", label_value({"doubleValue": bound}), float(total)
    yield "_bucket", "+Inf", count
