import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.record import CodeRef, ExceptionInfo, TraceRef
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.logs import severity_number
from tests.otel.telemetry import NOW_NS, attributes, make_encoder, make_event, make_record, only_item


def log(encoder: Any = None, **fields: Any) -> dict[str, Any]:
    """Return the log record of an event."""
    return only_item((encoder or make_encoder()).log_line(make_event(**fields)))


def test_a_log_call_is_this_object() -> None:
    """Body, severity, both times, the trace and the place of the call."""
    trace = TraceRef(0xABC, 0xDEF, 1)
    code = CodeRef("/a/b.py", "main", 7)
    assert log(
        level=30, attributes={"user": "x"}, trace=trace, code=code, seq=4, event_name="mmlog.run.config"
    ) == {
        "timeUnixNano": str(NOW_NS),
        "observedTimeUnixNano": str(NOW_NS),
        "severityNumber": 13,
        "severityText": "WARNING",
        "body": {"stringValue": "hello"},
        "attributes": [
            {"key": "event.name", "value": {"stringValue": "mmlog.run.config"}},
            {"key": "mmlog.seq", "value": {"intValue": "4"}},
            {"key": "logger", "value": {"stringValue": "app"}},
            {"key": "code.file.path", "value": {"stringValue": "/a/b.py"}},
            {"key": "code.function.name", "value": {"stringValue": "main"}},
            {"key": "code.line.number", "value": {"intValue": "7"}},
            {"key": "user", "value": {"stringValue": "x"}},
        ],
        "flags": 1,
        "traceId": "00000000000000000000000000000abc",
        "spanId": "0000000000000def",
        "eventName": "mmlog.run.config",
    }


def test_a_records_tags_are_numbers_under_their_own_names() -> None:
    """A query reads as the line does; NaN is data here too."""
    record = make_record({"loss": math.nan, "lr": 0.1, "time": 2, "iter": 25, "epoch": 2})
    item = log(record=record)
    assert item["eventName"] == "mmlog.train.iter"
    assert attributes(item) == {
        "event.name": "mmlog.train.iter",
        "mmlog.seq": "0",
        "logger": "app",
        "mode": "train",
        "epoch": "2",
        "iter": "25",
        "step": "25",
        "loss": "NaN",
        "lr": 0.1,
        "time": "2",
    }


def test_the_step_of_an_epoch_based_summary_is_its_epoch() -> None:
    """As in MMEngine's visualisers."""
    item = log(record=make_record({"acc": 0.5}, mode="val"))
    assert item["eventName"] == "mmlog.val.epoch"
    assert attributes(item)["step"] == "2"


def test_more_than_64_tags_go_into_one_string() -> None:
    """The rest is one strict JSON object, so that no server refuses the record."""
    record = make_record({f"t{n}": math.inf if n == 99 else float(n) for n in range(100)})
    found = attributes(log(record=record))
    assert found["t63"] == 63.0
    assert "t64" not in found
    rest = json.loads(found["mmlog.tags.rest"])
    assert rest == {f"t{n}": "Infinity" if n == 99 else n for n in range(64, 100)}


def test_a_tag_whose_name_is_taken_is_in_the_rest() -> None:
    """A scalar named ``step`` or ``logger`` is not lost."""
    found = attributes(log(record=make_record({"step": 7.5, "loss": 1.0})))
    assert found["step"] == "25"
    assert json.loads(found["mmlog.tags.rest"]) == {"step": 7.5}


def test_ten_thousand_tags_fit_a_line() -> None:
    """What does not fit is counted."""
    encoder = make_encoder()
    line = encoder.log_line(make_event(record=make_record({f"layer.{n}.weight": 0.1 for n in range(10_000)})))
    assert len(line.data) < 256 * 1024
    assert encoder.faults["tags_dropped"] > 0
    assert json.loads(attributes(only_item(line))["mmlog.tags.rest"])


def test_the_callers_attributes_never_replace_ours() -> None:
    """A name that is taken gets an underscore, as in the JSON line."""
    found = attributes(log(attributes={"logger": "mine", "mmlog.seq": -1}, seq=5))
    assert found["logger"] == "app"
    assert found["logger_"] == "mine"
    assert found["mmlog.seq"] == "5"


def test_names_that_are_cut_alike_lose_no_neighbour() -> None:
    """Keys with one beginning, and keys that are one as text, all arrive, and what was cut is counted."""
    encoder = make_encoder()
    names = {"n" * 300 + end: number for number, end in enumerate("abc")}
    for event in (
        make_event(attributes=names),
        replace(make_event(), record=make_record(names)),
        make_event(attributes={"nested": {1: 0, "1": 1, "x" * 300: 2}}),
    ):
        text = encoder.log_line(event).data.decode()
        assert all(f'"intValue":"{number}"' in text for number in range(3))
    assert encoder.faults["key_cut"] == 7


def test_an_exception_keeps_the_end_of_its_traceback() -> None:
    """The last frames say what went wrong."""
    trace = "first frame\n" + "x" * 50_000 + "\nValueError: the end"
    found = attributes(log(exception=ExceptionInfo("ValueError", "the end", trace)))
    assert found["exception.type"] == "ValueError"
    assert found["exception.message"] == "the end"
    assert found["exception.stacktrace"].endswith("ValueError: the end")
    assert len(found["exception.stacktrace"]) == 16_384


@pytest.mark.parametrize(
    ("level", "number"),
    [(0, 0), (5, 1), (10, 5), (15, 8), (20, 9), (21, 10), (25, 12), (30, 13), (40, 17), (50, 21), (99, 24)],
)
def test_levels_are_mapped_to_severities(level: int, number: int) -> None:
    """Levels between two of the stdlib's never reach the next one's number."""
    assert severity_number(level) == number


def test_debug_logs_may_be_refused_first() -> None:
    """Admission drops them before anything else."""
    encoder = make_encoder()
    assert encoder.log_line(make_event(level=10)).debug
    assert not encoder.log_line(make_event(level=20)).debug


def test_attributes_beyond_the_limit_are_dropped_and_counted() -> None:
    """The caller's last ones go first; OTLP says how many."""
    encoder = make_encoder(limits=Limits(attributes=4))
    item = log(encoder, attributes={f"a{n}": n for n in range(10)})
    assert list(attributes(item)) == ["mmlog.seq", "logger", "a0", "a1"]
    assert item["droppedAttributesCount"] == 8
    assert encoder.faults["attributes_dropped"] == 8


def test_a_limit_of_no_attributes_is_obeyed() -> None:
    """OTEL_ATTRIBUTE_COUNT_LIMIT=0 is allowed."""
    assert "attributes" not in log(make_encoder(limits=Limits(attributes=0)))


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "\x01" * 10_000_000},
        {"attributes": {f"a{n}": ["\x01" * 4000] * 900 for n in range(200)}},
        {"attributes": {"\x01" * 10_000 + str(n): "x" for n in range(200)}},
        {"exception": ExceptionInfo("E" * 10**6, "\x01" * 10**6, "\x01" * 10**6)},
        {"record": make_record({"\x01" * 300 + str(n): "x" * 10_000 for n in range(200)})},
        {"event_name": "e" * 100_000, "logger": "l" * 10**6},
    ],
)
def test_no_event_makes_a_line_too_long(fields: dict[str, Any]) -> None:
    """Its strings are cut until it fits, and that is counted."""
    encoder = make_encoder()
    line = encoder.log_line(make_event(**fields))
    assert len(line.data) < 512 * 1024
    only_item(line)
    assert encoder.faults


def test_an_event_without_utf8_is_one_whole_line() -> None:
    """Lone surrogates anywhere are replaced; line ends are escaped."""
    item = log(
        body="a\ud800\nb\u2028",
        logger="\udc80",
        event_name="\ud800",
        attributes={"\ud800": "\ud800"},
        exception=ExceptionInfo("\ud800", "\ud800", "\ud800"),
        code=CodeRef("\udcff", "\udcff", 1),
    )
    assert item["body"]["stringValue"] == "a\ufffd\nb\u2028"
    assert attributes(item)["\ufffd"] == "\ufffd"


TAGS = st.dictionaries(
    st.text(max_size=20), st.floats() | st.integers() | st.just("text"), min_size=1, max_size=4
)


@given(first=TAGS, second=TAGS, body=st.text(max_size=30), has_trace=st.booleans())
def test_log_of_a_record_says_nothing_of_the_one_before(
    first: dict[str, Any], second: dict[str, Any], body: str, *, has_trace: bool
) -> None:
    """An encoder that has seen records, also of the same tags, writes what a new one does, and so for every event."""
    used, same_tags = make_encoder(), dict.fromkeys(second, 0.5)
    trace = TraceRef(1, 2, 1) if has_trace else None
    for seq, tags in enumerate((first, same_tags, second)):
        event = make_event(record=make_record(tags), body=body * seq, seq=seq, trace=trace)
        line = used.log_line(event)
        assert line == make_encoder().log_line(event)
        whole = only_item(make_encoder().log_line(replace(event, attributes={"one\tmore": 1})))
        assert whole["attributes"].pop()["key"] == "one\tmore"
        assert only_item(line) == whole
