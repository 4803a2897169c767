"""Values and amounts in messages: short, whatever they are, and without errors of their own."""

import reprlib
from collections.abc import Callable
from typing import Any

MAX_LINE_CHARS = 65_536
"""What one value may take of a text line."""
_MAX_CHARS = 200
_MAX_ITEMS = 10


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = _MAX_ITEMS
        self.maxstring = self.maxlong = self.maxother = _MAX_CHARS

    def repr_bytes(self, value: bytes, _level: int) -> str:
        """Cut before it is written: a character of it may become four."""
        return self.repr_instance(value[:_MAX_CHARS], 1)


_short = _Short()


def shown(value: Any) -> str:
    """Return the ``repr`` of a value, cut in the middle where it is long; its type where that raises."""
    try:
        return _short.repr(value)
    except Exception:  # noqa: BLE001 - any object may be given and raise anything; the message says what it was
        return f"a value of type {type(value).__name__}"


def counted(number: int, what: str) -> str:
    """Return ``1 record``, ``1,234 records``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def line_text(value: Any, render: Callable[[Any], str] = str) -> str:
    """Return what a text line says of a value, 64 KiB at most, or a placeholder where it cannot be rendered."""
    try:
        text = str.__str__(value) if isinstance(value, str) else render(value)
    except Exception as error:  # noqa: BLE001 - any object may raise anything; it costs its own place, which says so
        return f"<unprintable {type(value).__name__}: {type(error).__name__}>"
    return text if len(text) <= MAX_LINE_CHARS else f"{text[:MAX_LINE_CHARS]}... ({len(text)} characters)"
