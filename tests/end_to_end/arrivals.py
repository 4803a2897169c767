"""Compares what arrived at Collectors with what runs left on disk."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from otel_mmlog.otel.semconv import EVENT_SPAN_START, OWN_METRIC_PREFIXES
from tests.end_to_end.otlp_files import LogRecord, Point, Span, Telemetry, read_requests

JsonLine = dict[str, Any]
Key = tuple[Any, ...]


class Arrivals:
    """What Collectors took, with each item that came more than once taken once.

    Args:
        paths: The files of the Collectors' lives, in order.

    Attributes:
        found: Every item once, but for `health`.
        health: The points that tell of journal and sender themselves, each once.
        repeats: By instance and signal, the requests that carried anything that an earlier one had carried.
    """

    def __init__(self, *paths: Path) -> None:
        self.found = Telemetry()
        self.health: list[Point] = []
        self.repeats: Counter[tuple[str, str]] = Counter()
        seen: set[Key] = set()
        for request in read_requests(*paths):
            keys = list(_keys(request))
            assert request.unreadable_lines == 0
            assert len(keys) == len(set(keys)), "one request carries an item twice"
            self.repeats.update({(key[0], key[1]) for key in keys if key in seen})
            self._keep(request, seen)
            seen.update(keys)

    def of_runs(self, run_ids: Iterable[str]) -> Telemetry:
        """What of it belongs to some runs."""
        wanted, found = set(run_ids), self.found
        return Telemetry(
            [each for each in found.points if each.resource["mmlog.run.id"] in wanted],
            [each for each in found.logs if each.resource["mmlog.run.id"] in wanted],
            [each for each in found.spans if each.resource["mmlog.run.id"] in wanted],
        )

    def _keep(self, request: Telemetry, seen: set[Key]) -> None:
        points = [each for each in request.points if _point_key(each) not in seen]
        self.found.points += [each for each in points if not each.name.startswith(OWN_METRIC_PREFIXES)]
        self.health += [each for each in points if each.name.startswith(OWN_METRIC_PREFIXES)]
        self.found.logs += [each for each in request.logs if _log_key(each) not in seen]
        self.found.spans += [each for each in request.spans if _span_key(each) not in seen]


def points_of(lines: Iterable[JsonLine]) -> Counter[Key]:
    """The points that the records among some JSON lines must have become: rank, run, name, value."""
    return Counter(
        (line["rank"], line["run_id"], f"mmlog.{line['mode']}.{tag}", _as_text(value))
        for line in lines
        for tag, value in line.get("tags", {}).items()
    )


def points_in(found: Telemetry) -> Counter[Key]:
    """The points that arrived, as `points_of` names them, but for those that end a series."""
    return Counter(
        (
            each.attributes["rank"],
            each.attributes["mmlog.run.id"],
            each.name,
            _as_text(each.value),
        )
        for each in found.points
        if each.flags == 0
    )


def logs_of(lines: Iterable[JsonLine]) -> Counter[Key]:
    """The log records that JSON lines must have become: rank, run, number, text."""
    return Counter((line["rank"], line["run_id"], line["seq"], line["event"]) for line in lines)


def logs_in(found: Telemetry) -> Counter[Key]:
    """The log records that arrived, as `logs_of` names them, but for the starts of spans."""
    return Counter(
        (each.resource["rank"], each.resource["mmlog.run.id"], each.attributes["mmlog.seq"], each.body)
        for each in found.logs
        if each.event_name != EVENT_SPAN_START
    )


def assert_same(found: Telemetry, lines: Iterable[JsonLine]) -> None:
    """Points are the tags, log records the JSON lines, and each span that began has ended."""
    lines = list(lines)
    assert lines
    assert points_in(found) == points_of(lines)
    assert logs_in(found) == logs_of(lines)
    assert_spans_are_whole(found)


def assert_spans_are_whole(found: Telemetry) -> None:
    """Each span that began has ended, not before it began, and its parent is there too."""
    starts = {each.span_id: each.time_ns for each in found.logs if each.event_name == EVENT_SPAN_START}
    spans = {each.span_id: each for each in found.spans}
    assert spans
    assert spans.keys() == starts.keys()
    assert len(spans) == len(found.spans)
    for span in found.spans:
        assert span.start_ns == starts[span.span_id]
        assert span.end_ns >= span.start_ns
        assert not span.parent_id or span.parent_id in spans


def _keys(request: Telemetry) -> Iterator[Key]:
    yield from map(_point_key, request.points)
    yield from map(_log_key, request.logs)
    yield from map(_span_key, request.spans)


def _point_key(point: Point) -> Key:
    attributes = json.dumps(point.attributes, sort_keys=True)
    return (_instance(point), "metrics", point.name, attributes, point.time_ns, point.flags)


def _log_key(log: LogRecord) -> Key:
    if log.event_name == EVENT_SPAN_START:
        return (_instance(log), "logs", log.span_id)
    return (_instance(log), "logs", log.attributes["mmlog.seq"])


def _span_key(span: Span) -> Key:
    return (_instance(span), "traces", span.span_id)


def _instance(item: Point | LogRecord | Span) -> str:
    return str(item.resource["service.instance.id"])


def _as_text(value: Any) -> str:
    """A number as one spelling, whether it came as JSON text, int or float."""
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(str(value), str(float(value)))
