"""One event, one physical line."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.escape import CONTINUATION, continuation, escape, escape_json

ANY_TEXT = st.text(st.characters())
FILLERS = [*"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0", *map(chr, range(0xE0000, 0xE1000))]


@given(ANY_TEXT)
def test_escaped_text_is_one_line_of_utf8(text: str) -> None:
    """No control character but the tab is left, nothing splits the line, and it can be encoded."""
    escaped = escape(text)
    assert len(escaped.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in escaped if char != "\t")
    escaped.encode("utf-8")


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters=FILLERS)))
def test_printable_text_is_left_alone(text: str) -> None:
    """Letters, accents, emoji and spaces of any script stay as they are."""
    assert escape(text) == text


@given(ANY_TEXT)
def test_json_means_the_same(text: str) -> None:
    """JSON that is escaped again has no raw control character, and says what it said."""
    written = json.dumps(text, ensure_ascii=False)
    escaped = escape_json(written)
    assert json.loads(escaped) == text
    assert not any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in escaped)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("lo\u200bss", "lo\\u200bss"),
        ("\ufefflo\u2060ss", "\\ufefflo\\u2060ss"),
        ("a\u200db", "a\\u200db"),
        ("\u200d", "\\u200d"),
        ("\u3164\u2800\uffa0", "\\u3164\\u2800\\uffa0"),
        ("\U000e0041", "\\U000e0041"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
    ],
)
def test_what_is_invisible(text: str, escaped: str) -> None:
    """Characters without width are shown, but for joiners where scripts and emoji need them."""
    assert escape(text) == escaped
    assert escape_json(text) == json.loads(json.dumps(escaped).replace("\\\\U000e0041", "\\\\udb40\\\\udc41"))


def test_escapes_are_those_of_python() -> None:
    """Control characters are written as in a string literal."""
    assert escape("a\nb\r\x1b[31m\x00\x07\x85\u2028\u202e\ud800\tz") == (
        "a\\nb\\r\\x1b[31m\\x00\\x07\\x85\\u2028\\u202e\\ud800\tz"
    )


@given(ANY_TEXT)
def test_every_further_line_of_a_traceback_is_marked(text: str) -> None:
    """All lines that a traceback adds begin with the marker that grep drops."""
    added = continuation(text)
    assert added.startswith("\n")
    lines = added[1:].split("\n")
    assert all(line.startswith(CONTINUATION) for line in lines)
    assert len(added.splitlines()) == len(lines) + 1
