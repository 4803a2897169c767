"""The text line, byte for byte MMEngine's where MMEngine has one."""

import logging
import time
import warnings
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.escape import CONTINUATION
from otel_mmlog.pipeline.events import BARE, from_stdlib, to_log_event
from otel_mmlog.pipeline.text import CONSOLE_TIME, FILE_TIME, TextRenderer
from tests.pipeline.log_events import TIME_NS, Unprintable, log_event, log_record, raised, record_event

ANY_TEXT = st.text(st.characters(), max_size=30)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def formatter_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """mmengine's own formatter, with colours although standard output is no terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        formatter = import_module("mmengine.logging.logger").MMFormatter
    can_colorize = getattr(import_module("termcolor.termcolor"), "can_colorize", None)
    forget = getattr(can_colorize, "cache_clear", lambda: None)  # newer versions remember the answer
    monkeypatch.setenv("FORCE_COLOR", "1")
    forget()
    yield formatter
    forget()


@pytest.mark.usefixtures("utc")
def test_golden_lines() -> None:
    """File and console line of the same event; only the time and the colour differ."""
    event = record_event("Epoch(train) [1][10/25]  loss: 1.0000")
    assert TextRenderer().render(event) == (
        "2024/08/21 01:18:41 - mmengine - INFO - Epoch(train) [1][10/25]  loss: 1.0000"
    )
    assert TextRenderer(time_format=CONSOLE_TIME, color=True).render(event) == (
        "08/21 01:18:41 - mmengine - \x1b[4m\x1b[97mINFO\x1b[0m - Epoch(train) [1][10/25]  loss: 1.0000"
    )


@pytest.mark.usefixtures("utc")
def test_error_says_where() -> None:
    """An ERROR adds path, function and line before its message."""
    assert TextRenderer().render(log_event("bad", logging.ERROR)) == (
        "2024/08/21 01:18:41 - mmengine - ERROR - /src/train.py - main - 12 - bad"
    )


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("time_format", [CONSOLE_TIME, FILE_TIME])
def test_same_bytes_as_mmengine(formatter_of: Any, level: int, color: bool, time_format: str) -> None:
    """Time, name, level, colour and place are mmengine's own."""
    record = log_record("Saving checkpoint at 1 epochs", level)
    theirs = formatter_of(color=color, datefmt=time_format).format(record)
    ours = TextRenderer(time_format=time_format, color=color).render(to_log_event(from_stdlib(record)))
    assert ours == theirs
    assert ("\x1b" in ours) == color


def test_time_follows_the_clock() -> None:
    """A renderer that remembers the last second's stamp does not keep it for the next."""
    renderer = TextRenderer()
    first, second = log_record("a"), log_record("a")
    second.created += 1
    lines = [renderer.render(to_log_event(from_stdlib(record))) for record in (first, second, first)]
    assert lines[0] == lines[2] != lines[1]
    assert lines[1].startswith(time.strftime(FILE_TIME, time.localtime(TIME_NS // 10**9 + 1)))


def test_bound_values_follow_the_message() -> None:
    """What the caller bound is there as ``key=value``; a text with spaces is quoted."""
    event = log_event("saved", path="a.pt", epoch=1, note="two words", empty="")
    assert TextRenderer().render(event).endswith(" - saved  path=a.pt  epoch=1  note='two words'  empty=''")


def test_unprintable_value_costs_its_own_field() -> None:
    """A value whose ``str`` raises leaves the fields beside it."""
    line = TextRenderer().render(log_event("saved", bad=Unprintable(), epoch=1))
    assert line.endswith(" - saved  bad=<unprintable Unprintable: RuntimeError>  epoch=1")


def test_exception_is_marked_line_by_line() -> None:
    """The traceback is there, and without the marked lines one line is left."""
    lines = TextRenderer().render(log_event("failed", logging.ERROR, error=raised("a\nb"))).split("\n")
    assert lines[0].endswith(" - failed")
    assert all(line.startswith(CONTINUATION) for line in lines[1:])
    assert lines[1] == f"{CONTINUATION}Traceback (most recent call last):"
    assert lines[-2:] == [f"{CONTINUATION}ValueError: a", f"{CONTINUATION}b"]


def test_array_of_a_record_is_marked_too() -> None:
    """Arrays that MMEngine prints over several lines become continuation lines of one event."""
    assert TextRenderer().render(record_event("Epoch(val) [1][3/3]    cm: \n[[1 0]\n [0 1]]\n")).split("\n")[
        1:
    ] == [
        "    | [[1 0]",
        "    |  [0 1]]",
        "    | ",
    ]


@given(message=ANY_TEXT, key=ANY_TEXT, value=ANY_TEXT, logger=ANY_TEXT, error=ANY_TEXT)
def test_any_text_is_one_event_of_whole_lines(
    message: str, key: str, value: str, logger: str, error: str
) -> None:
    """Whatever text is logged, one line is not marked, and no control character is raw."""
    event = log_event(message, logging.ERROR, logger=logger, error=raised(error), **{f"k{key}": value})
    line = TextRenderer(color=False).render(event)
    lines = line.split("\n")
    assert lines == line.splitlines()
    assert [text.startswith(CONTINUATION) for text in lines] == [False] + [True] * (len(lines) - 1)
    assert not any(ord(char) < 32 and char not in "\t\n" for char in line)
    line.encode("utf-8")


def test_a_bare_event_shows_its_body_alone() -> None:
    """What the text says already is not said again by its attributes."""
    record = log_record("Get class `A`")
    record._mmlog_event = {"class": "A", BARE: True}
    event = to_log_event(from_stdlib(record))
    assert TextRenderer().render(event).endswith(" - INFO - Get class `A`")
    assert event.attributes == {"class": "A"}
