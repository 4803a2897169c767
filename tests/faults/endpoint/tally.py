"""Counts of what arrived where that is too much to keep: keys as hashes, and whether each series came in order."""

import gc
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otel_mmlog.otel.semconv import EVENT_SPAN_START
from tests.end_to_end.otlp_files import plain_attributes
from tests.faults.endpoint.sink import lines_of
from tests.faults.outcome import Sums

Json = Mapping[str, Any]


class Tally:
    """What some files hold, each line a request, in the order of arrival.

    Args:
        paths: The files of the lives of one server, or of several.

    Attributes:
        items: How many came, by signal, however often.
        unordered: Points that are older than the one of their series before them.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.items: Counter[str] = Counter()
        self.unordered = 0
        self._keys: set[int] = set()
        self._contents: set[int] = set()
        self._latest_ns: dict[int, int] = {}
        with _uncollected():
            for line in lines_of(paths):
                self._take(json.loads(line))

    def sums(self, produced: int) -> Sums:
        """As it is when nothing of what was produced is anywhere else."""
        return Sums(
            produced,
            delivered=len(self._keys),
            repeated=self.items.total() - len(self._contents),
            double=len(self._contents) - len(self._keys),
        )

    def _take(self, request: Json) -> None:
        for instance, metric in _walk(request, "resourceMetrics", "scopeMetrics", "metrics"):
            for point in (metric.get("gauge") or metric["sum"])["dataPoints"]:
                self._take_point(hash((instance, metric["name"], str(point["attributes"]))), point)
        for instance, log in _walk(request, "resourceLogs", "scopeLogs", "logRecords"):
            self._keep("logs", (instance, *_log_key(log)), str(log["body"]))
        for _, span in _walk(request, "resourceSpans", "scopeSpans", "spans"):
            times = (span["name"], span["startTimeUnixNano"], span["endTimeUnixNano"])
            self._keep("traces", (span["traceId"], span["spanId"]), times)

    def _take_point(self, series: int, point: Json) -> None:
        time_ns = int(point["timeUnixNano"])
        self.unordered += self._latest_ns.get(series, 0) > time_ns
        self._latest_ns[series] = time_ns
        key = (series, time_ns, point.get("flags", 0))
        self._keep("metrics", key, (point.get("asDouble"), point.get("asInt")))

    def _keep(self, signal: str, key: Any, content: Any) -> None:
        self.items[signal] += 1
        self._keys.add(hash((signal, key)))
        self._contents.add(hash((signal, key, content)))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for cycles, which would look at each of a million dicts several times."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _log_key(log: Json) -> tuple[Any, ...]:
    attributes = plain_attributes(log["attributes"])
    process = attributes.get("process.pid", 0)
    if log.get("eventName") == EVENT_SPAN_START:
        return (process, "start", log["spanId"])
    return (process, attributes["mmlog.seq"])


def _walk(request: Json, *keys: str) -> Iterator[tuple[str, Json]]:
    by_resource, by_scope, items = keys
    for group in request.get(by_resource, ()):
        instance = str(plain_attributes(group["resource"]["attributes"])["service.instance.id"])
        for scope_group in group[by_scope]:
            for item in scope_group[items]:
                yield instance, item
