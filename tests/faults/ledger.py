"""Where every item is: what servers took, and what lies in journals, by key."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from otel_mmlog.otel.semconv import EVENT_SPAN_START
from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.items import logs_of, points_of, spans_of
from tests.end_to_end.otlp_files import read_otlp
from tests.faults.outcome import Sums, conserved, unless
from tests.faults.training import Closed, by_reason

SIGNALS = ("metrics", "logs", "traces")
Key = tuple[Any, ...]
Items = Mapping[str, Counter[tuple[Key, str]]]
"""Signal -> (key, content) -> how often."""


def taken(*receivers: FakeReceiver) -> Items:
    """What receivers accepted."""
    points = (point for each in receivers for point in each.points())
    logs = (log for each in receivers for log in each.logs())
    spans = (span for each in receivers for span in each.spans())
    return _items(points, logs, spans)


def heard(receiver: FakeReceiver) -> Items:
    """What a receiver understood, whatever it answered."""
    by_signal = {
        signal: [each.message for each in receiver.requests if each.signal == signal] for signal in SIGNALS
    }
    points = (point for message in by_signal["metrics"] for point in points_of(message))
    logs = (log for message in by_signal["logs"] for log in logs_of(message))
    spans = (span for message in by_signal["traces"] for span in spans_of(message))
    return _items(points, logs, spans)


def carried_again(receiver: FakeReceiver) -> Counter[str]:
    """By signal, the accepted requests that carried anything that an earlier one had carried."""
    again: Counter[str] = Counter()
    seen: set[tuple[Key, str]] = set()
    parsers = {"metrics": points_of, "logs": logs_of, "traces": spans_of}
    for request in receiver.requests:
        if request.accepted:
            items: dict[str, Iterable[Any]] = dict.fromkeys(SIGNALS, ())
            items[request.signal] = parsers[request.signal](request.message)
            carried = set(_items(items["metrics"], items["logs"], items["traces"])[request.signal])
            again[request.signal] += not seen.isdisjoint(carried)
            seen |= carried
    return again


def on_disk(paths: Iterable[Path]) -> Items:
    """What is in journal segments, or in the files that a Collector wrote, acknowledged or not."""
    found = read_otlp(*paths)
    return _items(found.points, found.logs, found.spans)


def balance(closed: Closed, delivered: Items, journal: Items) -> tuple[Sums, list[str]]:
    """The sums over all signals, and what is wrong with those of any.

    Args:
        closed: What the training said.
        delivered: What arrived.
        journal: What is on disk; what also arrived counts as delivered.
    """
    each = {signal: _sums(signal, closed, delivered[signal], journal[signal]) for signal in SIGNALS}
    wrong = [f"{signal}: {what}" for signal, sums in each.items() for what in conserved(sums)]
    wrong += unless(sum(sums.produced for sums in each.values()) > 0, "nothing was produced")
    dropped: Counter[str] = Counter()
    for sums in each.values():
        dropped.update(sums.dropped)
    counts = {
        name: sum(getattr(sums, name) for sums in each.values()) for name in Sums._fields if name != "dropped"
    }
    return Sums(**counts, dropped=dropped), wrong


def _sums(
    signal: str, closed: Closed, delivered: Counter[tuple[Key, str]], journal: Counter[tuple[Key, str]]
) -> Sums:
    keys = {key for key, _ in delivered}
    left = {key for key, _ in journal} - keys
    contents = {*delivered, *journal}
    return Sums(
        produced=closed.produced.get(signal, 0),
        delivered=len(keys),
        in_journal=len(left),
        rejected=closed.rejected.get(signal, 0),
        quarantined=closed.quarantined.get(signal, 0),
        dropped=by_reason({who: count for who, count in closed.refused.items() if who[0] == signal}),
        repeated=delivered.total() - len(set(delivered)),
        double=len(contents) - len({key for key, _ in contents}),
    )


def _items(points: Iterable[Any], logs: Iterable[Any], spans: Iterable[Any]) -> Items:
    return {
        "metrics": Counter((_point_key(each), _number(each.value)) for each in points),
        "logs": Counter((_log_key(each), str(each.body)) for each in logs),
        "traces": Counter(
            ((each.trace_id, each.span_id), f"{each.name} {each.start_ns} {each.end_ns}") for each in spans
        ),
    }


def _number(value: float | None) -> str:
    """The same for an int and its float: files don't tell them apart."""
    return "none" if value is None else repr(float(value))


def _point_key(point: Any) -> Key:
    instance = point.resource["service.instance.id"]
    return (
        instance,
        point.name,
        json.dumps(dict(point.attributes), sort_keys=True),
        point.time_ns,
        point.flags,
    )


def _log_key(log: Any) -> Key:
    instance, process = log.resource["service.instance.id"], log.attributes.get("process.pid", 0)
    if log.event_name == EVENT_SPAN_START:
        return (instance, process, "start", log.span_id)
    return (instance, process, log.attributes["mmlog.seq"])
