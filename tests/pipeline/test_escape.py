"""One event, one physical line."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.pipeline.escape import CONTINUATION, continuation, escape

ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT)
def test_escaped_text_is_one_line_of_utf8(text: str) -> None:
    """No control character but the tab is left, nothing splits the line, and it can be encoded."""
    escaped = escape(text)
    assert len(escaped.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in escaped if char != "\t")
    escaped.encode("utf-8")


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_printable_text_is_left_alone(text: str) -> None:
    """Letters, accents, emoji and spaces of any script stay as they are."""
    assert escape(text) == text


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
