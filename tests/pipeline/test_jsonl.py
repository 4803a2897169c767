"""The JSON line: stable keys, strict values."""

import logging
import math
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.record import Record, TraceRef
from otel_mmlog.pipeline.events import from_stdlib, to_log_event
from otel_mmlog.pipeline.jsonl import JSONRenderer
from tests.journals import strict_json
from tests.pipeline.log_events import Unprintable, log_event, log_record, raised, record_event

HEAD = ["ts", "level", "logger", "event", "rank", "run_id", "attempt", "seq"]
ANY_TEXT = st.text(st.characters(), max_size=30)


def renderer() -> JSONRenderer:
    return JSONRenderer(rank=3, run_id="r", attempt=1)


def test_golden_line() -> None:
    """A log call with a bound value, as bytes."""
    assert renderer().render(log_event("saved", path="a.pt")) == (
        '{"ts": "2024-08-21T01:18:41.123456Z", "level": "INFO", "logger": "mmengine", "event": "saved", '
        '"rank": 3, "run_id": "r", "attempt": 1, "seq": 0, "path": "a.pt"}'
    )


def test_golden_record() -> None:
    """A record has its mode, its place and its tags, NaN and infinities as strings."""
    line = renderer().render(record_event("line", loss=math.nan, lr=0.1, big=math.inf, n=3))
    assert line == (
        '{"ts": "2024-08-21T01:18:41.123456Z", "level": "INFO", "logger": "mmengine", "event": "line", '
        '"rank": 3, "run_id": "r", "attempt": 1, "seq": 0, "event_name": "mmlog.train.iter", "mode": "train", '
        '"epoch": 1, "iter": 10, "step": 10, "tags": {"loss": "NaN", "lr": 0.1, "big": "Infinity", "n": 3}}'
    )


def test_keys_that_collide_keep_both_values() -> None:
    """A bound name that the line has already gets an underscore; nothing is lost or overwritten."""
    taken: dict[str, Any] = dict.fromkeys(
        ["ts", "rank", "rank_", "run_id", "attempt", "seq", "tags", "source", "exception"], "mine"
    )
    line = strict_json(renderer().render(log_event("e", logging.ERROR, error=raised(), **taken)))
    assert list(line)[: len(HEAD)] == HEAD
    assert (line["rank"], line["run_id"], line["seq"]) == (3, "r", 0)
    assert {line["rank_"], line["rank__"], line["source"], line["exception"]} == {"mine"}
    assert (line["source_"], line["exception_"]["type"]) == ("/src/train.py:12", "ValueError")
    assert sum(value == "mine" for value in line.values()) == len(taken)


def test_error_has_source_and_exception() -> None:
    """An ERROR says where; an exception has its type, message and traceback."""
    line = strict_json(renderer().render(log_event("failed", logging.ERROR, error=raised("a\nb"))))
    assert line["source"] == "/src/train.py:12"
    assert (line["exception"]["type"], line["exception"]["message"]) == ("ValueError", "a\nb")
    assert line["exception"]["stacktrace"].startswith("Traceback (most recent call last):\n")


def test_current_span_is_named() -> None:
    """Inside a span its ids are there, as hex."""
    event = to_log_event(from_stdlib(log_record()), trace=TraceRef(1, 2, 1), seq=7)
    line = strict_json(renderer().render(event))
    assert (line["trace_id"], line["span_id"], line["seq"]) == (f"{1:032x}", f"{2:016x}", 7)


def test_unprintable_value_costs_its_own_field() -> None:
    """A value that cannot be written leaves the fields beside it."""
    line = strict_json(renderer().render(log_event("e", bad=Unprintable(), epoch=1)))
    assert line["epoch"] == 1
    assert line["bad"].startswith("<unprintable Unprintable")


def test_cyclic_value() -> None:
    """A dict that holds itself is cut off."""
    cycle: dict[str, Any] = {"a": 1}
    cycle["self"] = cycle
    assert strict_json(renderer().render(log_event("e", cycle=cycle, epoch=1)))["epoch"] == 1


@given(message=ANY_TEXT, key=ANY_TEXT, value=ANY_TEXT, logger=ANY_TEXT, error=ANY_TEXT)
def test_any_text_is_one_strict_line(message: str, key: str, value: str, logger: str, error: str) -> None:
    """Whatever text is logged, the line stays one and gives the text back."""
    event = log_event(message, logging.ERROR, logger=logger, error=raised(error), **{f"k{key}": value})
    line = renderer().render(event)
    assert len(line.splitlines()) == 1
    parsed = strict_json(line)

    assert parsed["event"] == storable(message)
    assert parsed["exception"]["message"] == storable(error)
    assert parsed[storable(f"k{key}")] == storable(value)


TAGS = st.dictionaries(ANY_TEXT, st.floats() | st.integers() | ANY_TEXT, min_size=1, max_size=4)


@given(first=TAGS, second=TAGS, texts=st.tuples(ANY_TEXT, ANY_TEXT))
def test_line_of_a_record_says_nothing_of_the_one_before(
    first: dict[str, Any], second: dict[str, Any], texts: tuple[str, str]
) -> None:
    """A renderer that has seen records, also of the same tags, writes what a new one does."""
    used, same_tags = renderer(), dict.fromkeys(second, 0.5)
    for text, tags in zip((*texts, ""), (first, same_tags, second), strict=True):
        event = replace(record_event(text), record=replace(a_record(text), tags=tags), seq=len(text))
        line = used.render(event)
        assert line == renderer().render(event)
        assert list(strict_json(line)["tags"]) == [storable(tag) for tag in tags]


def a_record(text: str) -> Record:
    record = record_event(text).record
    assert record is not None
    return record


def storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
