"""How long a line may be on a terminal, and long texts in lines of that length."""

import shutil
import sys
import textwrap
from typing import Final

INDENT: Final = "  "
_MOST_LINES = 12
_MORE = " ... (--json has all)"


def terminal_width() -> int | None:
    """Return the characters of a line where standard output is a terminal; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def wrapped(text: str, width: int | None) -> list[str]:
    """Return the lines of a text, those behind the first further in; of very long ones the first few.

    Args:
        text: The text; spaces before it indent all of it.
        width: Characters in a line; None for one line, whatever its length.
    """
    if width is None:
        return [text]
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=indent + INDENT,
        break_on_hyphens=False,
        max_lines=_MOST_LINES,
        placeholder=_MORE,
    )
