"""A record's tags as OTLP gauges: one point a tag, its unchanging part rendered once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from otel_mmlog.core.record import CURRENT, RawSeries, Record, Source, are_plain, number_json
from otel_mmlog.otel.envelope import Envelope
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.names import MAX_NAME_CHARS, MetricNames, unit_of
from otel_mmlog.otel.semconv import METHOD, WINDOW
from otel_mmlog.otel.values import INT64_MAX, INT64_MIN, Values, attributes_json, clean, quote

MAX_SERIES = 10_000
MILLISECOND_NS = 1_000_000
_SET_BACK_NS = 60_000_000_000
_POINTS_A_METRIC = 500
_END_OF_METRIC = "}]}}"


class MetricsEncoder:
    """Renders points; knows every series it ever rendered.

    Args:
        envelope: Around the metrics of a line.
        point_attributes: On every point: rank, run id and attempt.
        names: Tag -> metric name.
        values: Encodes the point attributes.
        faults: Reason -> count: ``series_limit`` for each point beyond `MAX_SERIES` series,
            ``duplicate_point`` for a second tag of a record that says the same as a first, ``name_cut`` and
            ``value_replaced`` for each tag whose name is too long or has no UTF-8.

    Attributes:
        last_ns: Unix time of the newest point in nanoseconds, since the clock was set back; 0 before the first.
    """

    def __init__(
        self,
        envelope: Envelope,
        point_attributes: Mapping[str, Any],
        names: MetricNames,
        values: Values,
        faults: "Counter[str]",
    ) -> None:
        self._envelope = envelope
        self._attributes = values.attributes(point_attributes)
        self._names = names
        self._values = values
        self._faults = faults
        self._by_mode: dict[str, dict[tuple[str, Source], str]] = defaultdict(dict)
        self._raw: dict[str, str] = {}
        self._series: dict[str, None] = {}
        self._has_aliases = False
        self.last_ns = 0
        point = f'{{"attributes":[{attributes_json(self._attributes)}],"timeUnixNano":"'
        self._raw_point = point

    def record_lines(self, record: Record) -> list[EncodedLine]:
        """Return the numeric tags as points; none where no tag is a number."""
        known = self._by_mode[record.progress.mode]
        sources = record.sources
        time = str(record.time_ns)
        self.last_ns = later_ns(record.time_ns, self.last_ns)
        points: dict[str, str] | None = {} if self._has_aliases else None
        metrics: list[str] = []
        for tag, value in record.tags.items():
            number = _number(value, record.numbers.get(tag))
            if number is None:
                continue
            source = sources.get(tag, CURRENT)
            start = known.get((tag, source)) or self._open(record.progress.mode, tag, source)
            if not start:
                self._faults["series_limit"] += 1
            elif points is not None and points.setdefault(start, tag) != tag:
                self._faults["duplicate_point"] += 1
            else:
                metrics.append(f"{start}{time}{number}{_END_OF_METRIC}")
        return self._envelope.lines(metrics)

    def raw_lines(self, series: Iterable[RawSeries]) -> list[EncodedLine]:
        """Return values of the hub, each with its own time, one metric a key; what is no number is left out."""
        newest_ns = 0
        metrics: list[tuple[str, int]] = []
        for one in series:
            points = self._raw_points(one)
            if not points:
                continue
            newest_ns = max(newest_ns, *one.times_ns)
            head = self._raw.get(one.key) or self._open_raw(one.key)
            if not head:
                self._faults["series_limit"] += len(points)
                continue
            for index in range(0, len(points), _POINTS_A_METRIC):
                part = points[index : index + _POINTS_A_METRIC]
                metrics.append((f"{head}{','.join(part)}]}}}}", len(part)))
        if newest_ns:
            self.last_ns = later_ns(newest_ns, self.last_ns)
        return self._envelope_counted(metrics)

    def _raw_points(self, series: RawSeries) -> list[str]:
        start, pairs = self._raw_point, zip(series.times_ns, series.values, strict=True)
        if are_plain(series.values) and int not in map(type, series.values):
            return [f'{start}{time_ns}","asDouble":{value!r}}}' for time_ns, value in pairs]
        numbers = ((time_ns, _number(value)) for time_ns, value in pairs)
        return [f"{start}{time_ns}{number}}}" for time_ns, number in numbers if number is not None]

    def stale_lines(self, time_ns: int) -> list[EncodedLine]:
        """Return a point without a value (``flags: 1``) for each series that was ever rendered.

        It is a millisecond behind the last value at least: Prometheus tells no more apart, and refuses a whole
        request for a second point at the same time.
        """
        self.last_ns = end_ns = later_ns(time_ns, self.last_ns + MILLISECOND_NS)
        return self._envelope.lines([f'{start}{end_ns}","flags":1{_END_OF_METRIC}' for start in self._series])

    def _envelope_counted(self, metrics: list[tuple[str, int]]) -> list[EncodedLine]:
        counts = iter([count for _, count in metrics])
        lines = self._envelope.lines([metric for metric, _ in metrics])
        return [line._replace(items=sum(next(counts) for _ in range(line.items))) for line in lines]

    def _open(self, mode: str, tag: str, source: Source) -> str:
        """Return all of a metric up to its time, or an empty string if there are too many series."""
        if len(self._series) >= MAX_SERIES:
            return ""
        attributes = {**self._attributes, METHOD: source.method, WINDOW: source.window}
        plain = self._values.attributes(attributes)
        name = self._names.name_for(mode, tag)
        self._count_name(tag, name)
        head = _metric_head(name, unit_of(tag))
        start = f'{head}{{"attributes":[{attributes_json(plain)}],"timeUnixNano":"'
        if start in self._series:
            self._has_aliases = True
        self._series[start] = None
        self._by_mode[mode][tag, source] = start
        return start

    def _open_raw(self, key: str) -> str:
        if len(self._series) >= MAX_SERIES:
            return ""
        name = self._names.raw_name_for(key)
        self._count_name(key, name)
        head = self._raw[key] = _metric_head(name, unit_of(key))
        self._series[head + self._raw_point] = None
        return head

    def _count_name(self, tag: str, name: str) -> None:
        """Count a tag that a part of is missing in its metric's name."""
        if len(name) == MAX_NAME_CHARS:
            self._faults["name_cut"] += 1
        clean(tag, self._faults)


def later_ns(time_ns: int, last_ns: int) -> int:
    """Return the later one of a point's time and the least that it may be; the first if the clock was set back since.

    Points from before a clock was put right must not draw all later ones into their future, which servers refuse.
    """
    return time_ns if last_ns - time_ns > _SET_BACK_NS else max(time_ns, last_ns)


def _metric_head(name: str, unit: str) -> str:
    unit_json = f'"unit":{quote(unit)},' if unit else ""
    return f'{{"name":{quote(name)},{unit_json}"gauge":{{"dataPoints":['


def _number(value: Any, text: str | None = None) -> str | None:
    """Return a point from behind its time to behind its value, or None for what is no number.

    Args:
        value: Anything.
        text: The value as text, if somebody has written it already.
    """
    kind = type(value)
    if kind is float:
        return f'","asDouble":{text or number_json(value)}'
    if kind is int:
        if INT64_MIN <= value <= INT64_MAX:
            return f'","asInt":"{text or value}"'
        return f'","asDouble":{number_json(_as_double(value))}'
    if isinstance(value, (float, int)):
        return _number(float.__float__(value) if isinstance(value, float) else int.__index__(value))
    return None


def _as_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
