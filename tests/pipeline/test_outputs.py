"""Console and files: what each of them shows."""

import io
import logging
import sys
from pathlib import Path

import pytest

from otel_mmlog.pipeline.line_file import LineFile
from otel_mmlog.pipeline.outputs import OWN_LOGGER, ConsoleOutput, FileOutput, OnceFilter, WarningOutput
from tests.journals import text_lines
from tests.pipeline.log_events import log_event


class Terminal(io.StringIO):
    """A text stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, color: bool | None, level: int = logging.INFO
) -> str:
    monkeypatch.setattr(sys, "stdout", stream)
    ConsoleOutput(level=level, color=color).write(log_event("hello"))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "color", "colored"),
    [
        (Terminal, None, True),
        (io.StringIO, None, False),
        (Terminal, False, False),
        (io.StringIO, True, True),
    ],
)
def test_color_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], color: bool | None, colored: bool
) -> None:
    """A terminal gets colour, a pipe does not; a setting overrules both."""
    text = shown(monkeypatch, stream(), color)
    assert ("\x1b[4m" in text) is colored
    assert text.endswith(" - hello\n")


def test_level_of_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events below the console's level are not printed."""
    assert shown(monkeypatch, io.StringIO(), None, level=logging.ERROR) == ""


def test_no_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without standard output prints nothing and does not fail."""
    monkeypatch.setattr(sys, "stdout", None)
    ConsoleOutput(level=0, color=None).write(log_event("hello"))


def test_console_that_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the console's encoding lacks is written as an escape."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    ConsoleOutput(level=0, color=None).write(log_event("größe"))
    assert raw.getvalue().endswith(b" - gr\\xf6\\xdfe\n")


def test_warnings_once_in_text_each_time_in_json(tmp_path: Path) -> None:
    """Each WARNING text is written once where ``once`` is set; other levels each time."""
    text, json = LineFile(tmp_path / "a.log"), LineFile(tmp_path / "a.jsonl")
    outputs = [
        FileOutput("text file", text, lambda event: event.body, once=True),
        FileOutput("json file", json, lambda event: event.body, once=False),
    ]
    for body, level in (("w", logging.WARNING), ("e", logging.ERROR), ("x", logging.WARNING)) * 2:
        for output in outputs:
            output.write(log_event(body, level))
    for output in outputs:
        output.close()
    assert text_lines(text.path) == ["w", "e", "x", "e"]
    assert text_lines(json.path) == ["w", "e", "x"] * 2


def test_once_looks_at_the_whole_text() -> None:
    """Two warnings with one text and different values are two."""
    is_new = OnceFilter()
    warnings = [log_event("missing", logging.WARNING, key=key) for key in ("a", "b", "a")]
    assert [is_new(event) for event in warnings] == [True, True, False]


def test_once_is_bounded() -> None:
    """Millions of different warnings do not fill the memory: beyond a bound each is written."""
    is_new = OnceFilter()
    events = [log_event(str(number), logging.WARNING) for number in range(10_001)]
    assert all(is_new(event) for event in events)
    assert not is_new(events[0])
    assert is_new(events[-1])


def test_own_warnings_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Where somebody else prints the lines, only what the package itself warns of is printed."""
    output = WarningOutput()
    output.write(log_event("a user's warning", level=logging.WARNING))
    output.write(log_event("a fact", logger=OWN_LOGGER))
    output.write(log_event("the disk is full", level=logging.WARNING, logger=OWN_LOGGER))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" - otel_mmlog - WARNING - the disk is full\n")
    assert err.count("\n") == 1
