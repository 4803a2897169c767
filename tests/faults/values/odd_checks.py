"""What must have arrived of odd values, by the way that they went."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otel_mmlog.otel import semconv
from otel_mmlog.testing.items import Log, Point, Span
from tests.faults.outcome import unless
from tests.faults.values.odd import Odd, is_same, odd_values
from tests.faults.values.odd_ways import AFTER, ATTRIBUTES, BEFORE, NAMES

MAX_SERIES, MAX_ATTRIBUTES = 10_000, 128


class Arrived(NamedTuple):
    """What a server took."""

    points: Sequence[Point]
    logs: Sequence[Log]
    spans: Sequence[Span]


Check = Callable[[Arrived, Mapping[str, Any]], list[str]]
"""What is wrong with what arrived, and with what the run counted."""


def _neighbours(what: str, found: Sequence[Mapping[str, Any]]) -> list[str]:
    if len(found) != 1:
        return [f"{what}: {len(found)} of it arrived"]
    return unless(
        found[0].get("before") == BEFORE and found[0].get("after") == AFTER,
        f"{what}: its neighbours are missing",
    )


def _odd_attributes(odd: Odd, what: str, found: Sequence[Mapping[str, Any]], key: str = "odd") -> list[str]:
    wrong = _neighbours(what, found)
    if not wrong and not odd.arrives(found[0].get(key)):
        wrong.append(f"{what}: {found[0].get(key)!r:.200} arrived")
    return wrong


def _uncounted(said: Mapping[str, Any], values: Iterable[Odd], times: int = 1) -> list[str]:
    """What of the losses is not counted, or is counted without one."""
    faults: Mapping[str, int] = said["faults"]
    lost = Counter(odd.reason for odd in values if odd.reason is not None)
    wrong = [f"{faults.get(reason, 0)} x {reason} of {count * times}" for reason, count in lost.items()
             if faults.get(reason, 0) < count * times]  # fmt: skip
    return wrong + [f"{reason} was counted" for reason in faults if reason not in {*lost, *_OF_LINES}]


_OF_LINES = ("span_cleaned", "line_cut", "tags_dropped")  # what follows from the others


def check_scalars(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """The numbers are points, the rest is left out and counted."""
    values = list(odd_values(with_torch=said["full"]))
    wrong = unless(
        said["left_out"] == sum(odd.number is None for odd in values), f"{said['left_out']} left out"
    )
    for name, value in (("before", BEFORE), ("after", AFTER)):
        points = [point.value for point in arrived.points if point.name == f"mmlog.train.{name}"]
        wrong += unless(points == [value] * len(values), f"{name} is not there at each step")
    for odd in values:
        found = [point.value for point in arrived.points if point.name == f"mmlog.train.{odd.name}"]
        same = not found if odd.number is None else all(_is_number(value, odd.number) for value in found)
        wrong += unless(same and bool(found) == (odd.number is not None), f"{odd.name}: {found[:3]} arrived")
    return wrong


def _is_number(value: float | None, expected: float) -> bool:
    return value == expected or is_same(value, expected)


def check_log_calls(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Each call is a log record."""
    values = list(odd_values(with_torch=said["full"]))
    return _check_logs(arrived, values, ("call", "bound")) + _uncounted(said, values, 2)


def check_stdlib_calls(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Each call is a log record, also where its message is odd."""
    values = list(odd_values())
    bodies = [log.body for log in arrived.logs]
    wrong = _check_logs(arrived, values, ("extra",))
    wrong += [
        f"the argument {odd.name} lost its message"
        for odd in values
        if not any(body.startswith(f"argument {odd.name} ") for body in bodies)
    ]
    messages = [log for log in arrived.logs if log.attributes.get(semconv.LOGGER) == "somebody.else"]
    wrong += unless(len(messages) == 3 * len(values) + 1, f"{len(messages)} calls arrived")
    wrong += unless(messages[-1].attributes.get("before") == BEFORE, "keys that are no strings lost a call")
    return wrong + _uncounted(said, values)


def _check_logs(arrived: Arrived, values: Iterable[Odd], kinds: Iterable[str]) -> list[str]:
    logs = arrived.logs
    wrong = []
    for odd in values:
        for kind in kinds:
            body = f"{kind} {odd.name}"
            wrong += _odd_attributes(odd, body, [log.attributes for log in logs if log.body == body])
    return wrong


def check_spans(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Each span arrives, ended once, and so does its start."""
    values, spans = list(odd_values()), arrived.spans
    wrong = []
    for odd in values:
        name = f"span {odd.name}"
        wrong += _odd_attributes(odd, name, [span.attributes for span in spans if span.name == name])
        mine = [span.attributes.get("before") for span in spans if span.name == f"mine {odd.name}"]
        wrong += unless(mine == [BEFORE], f"the user's own span with {odd.name}: {mine}")
    failing = [span.status for span in spans if span.name == "failing"]
    wrong += unless(failing == [2], f"a span that failed with an exception without a text: {failing}")
    return wrong + _uncounted(said, values)


def check_config(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Each change of the settings is an event."""
    values = [
        odd for odd in odd_values() if not odd.name.startswith("cyclic")
    ]  # these are unrolled to a depth
    configs = [log.attributes["config"] for log in arrived.logs if log.event_name == "mmlog.run.config"]
    wrong = []
    for odd in values:
        found = [config for config in configs if config.get("name") == odd.name]
        wrong += _odd_attributes(odd, odd.name, found)
    # What cannot be looked through for secrets has its placeholder before anybody encodes it.
    return wrong + _uncounted(said, [odd for odd in values if odd.name != "mapping_raising"])


def check_tags(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Whatever a statistic returns, the record arrives with the tags beside it."""
    logs = arrived.logs
    values = list(odd_values())
    wrong = []
    for name, count in (("mmlog.train.iter", 2), ("mmlog.val.epoch", 1)):
        records = [log.attributes for log in logs if log.event_name == name]
        wrong += unless(len(records) == count, f"{name}: {len(records)} records")
        for record in records:
            wrong += _neighbours(name, [record])
            rest = record.get(semconv.TAGS_REST, "")
            lost = [odd.name for odd in values if odd.name not in record and f'"{odd.name}"' not in rest]
            wrong += unless(not lost, f"{name}: the tags {lost} are missing")
    return wrong + _uncounted(said, values)


def check_names(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Every value arrives under a name of its own, whatever it was called."""
    wanted = set(range(len(NAMES)))
    names = {point.name for point in arrived.points}
    wrong = unless(all(len(name) <= 255 for name in names), "a name of a metric is too long")
    for index in wanted:
        series = {point.name for point in arrived.points if point.value == index}
        wrong += unless(bool(series), f"the scalar {NAMES[index]!r:.40} is missing")
    carriers = {
        "a call": [log.attributes for log in arrived.logs if log.body == "named"],
        "extra": [log.attributes for log in arrived.logs if log.body == "named elsewhere"],
        "a record": [log.attributes for log in arrived.logs if log.event_name == "mmlog.train.iter"],
        "a span": [span.attributes for span in arrived.spans if span.name == "named"],
        "config": [log.attributes["config"] for log in arrived.logs if log.event_name == "mmlog.run.config"],
    }
    for what, found in carriers.items():
        wrong += unless(bool(found), f"{what} with odd names is missing")
        for attributes in found:
            lost = wanted - {value for value in attributes.values() if isinstance(value, (int, float))}
            lost = {index for index in lost if f":{index}" not in str(attributes.get(semconv.TAGS_REST, ""))}
            wrong += unless(not lost, f"{what} lacks the values of {[NAMES[each][:20] for each in lost]}")
    expected = ("name_cut", "key_cut", "value_replaced")
    return wrong + unless(set(said["faults"]) == set(expected), f"counted: {dict(said['faults'])}")


def check_wrong_calls(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """Each call is a record, and says what it lacks."""
    bodies = [str(log.body) for log in arrived.logs]
    wrong = [
        f"the call {start!r} is missing"
        for start in ("wrong %d", "few %s", "many", "<unprintable", "internal", "flags", "bound", "raised")
        if not any(body.startswith(start) for body in bodies)
    ]
    wrong += unless(sum(body.startswith("wrong %d (could not") for body in bodies) == 2, "no word of it")
    raised = [log.attributes for log in arrived.logs if "exception.type" in log.attributes]
    wrong += unless(len(raised) == 2, f"{len(raised)} exceptions arrived")
    wrong += unless(all(each.get("before") == BEFORE for each in raised), "beside them nothing did")
    return wrong


def check_many_attributes(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """The first ones stay, and the rest is counted."""
    logs = [log.attributes for log in arrived.logs if log.body == "numbered"]
    spans = [span.attributes for span in arrived.spans if span.name == "numbered"]
    wrong = unless([len(each) for each in logs] == [MAX_ATTRIBUTES], f"{list(map(len, logs))} attributes")
    wrong += unless([len(each) for each in spans] == [MAX_ATTRIBUTES], f"{list(map(len, spans))} of the span")
    dropped = said["faults"].get("attributes_dropped", 0)
    wrong += unless(dropped >= ATTRIBUTES - MAX_ATTRIBUTES, f"{dropped} were counted as dropped")
    return wrong + unless(any(log.body == "behind" for log in arrived.logs), "the next call is missing")


def check_many_names(arrived: Arrived, said: Mapping[str, Any]) -> list[str]:
    """The first series stay, also in later records, and what is beyond them is counted."""
    own = [point for point in arrived.points if point.name.startswith(("mmlog.train.", "mmlog.val."))]
    series = {point.name for point in own}
    wrong = unless(len(series) == MAX_SERIES, f"{len(series):,} series")
    before = [point for point in own if point.name == "mmlog.train.before"]
    wrong += unless(len(before) == 3, f"the neighbour has {len(before)} points")
    beyond = said["faults"].get("series_limit", 0)
    wrong += unless(
        beyond >= 2 * (said["names"] - MAX_SERIES), f"{beyond:,} points were counted as beyond the limit"
    )
    records = [log for log in arrived.logs if log.event_name == "mmlog.train.iter"]
    return wrong + unless(len(records) == 3, f"{len(records)} records arrived")


CHECKS: Mapping[str, Check] = {
    "scalars": check_scalars,
    "log-calls": check_log_calls,
    "stdlib-calls": check_stdlib_calls,
    "spans": check_spans,
    "config": check_config,
    "tags": check_tags,
    "names": check_names,
    "wrong-calls": check_wrong_calls,
    "200-attributes": check_many_attributes,
    "many-names": check_many_names,
}
"""By the name of the way."""
