"""Text that wants to be taken for a line of its own, and what may be seen of it in files and on terminals."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

FORGED = "1999/01/01 00:00:00 - root - ERROR - forged"
"""What a line must never begin with."""

CONTROLS: Mapping[str, str] = {
    "a line feed": "\n",
    "a carriage return": "\r",
    "both": "\r\n",
    "a vertical tab": "\v",
    "a form feed": "\f",
    "NUL": "\x00",
    "a bell": "\a",
    "a backspace": "\b",
    "a file separator": "\x1c",
    "an escape": "\x1b[2J\x1b]0;title\x07\x1b[31m",
    "DEL": "\x7f",
    "next line": "\x85",
    "a C1 sequence": "\x9b2J",
    "a line separator": "\u2028",
    "a paragraph separator": "\u2029",
    "a bidirectional override": "\u202e",
    "a bidirectional isolate": "\u2066",
    "a bidirectional mark": "\u200f",
    "an Arabic letter mark": "\u061c",
    "a zero width space": "\u200b",
    "a stray joiner": "\u200d",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\xad",
    "a tag character": "\U000e0041",
}

TEXTS = [f"a{control}{FORGED}" for control in CONTROLS.values()]
ORDINARY = "naïve 损失 \U0001f469\u200d\U0001f4bb می\u200cخواهم\t✓"  # noqa: RUF001 - Persian, which needs joiners
"""What stays as it is."""

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_PROGRESS = re.compile(r"\x1b\[(\?25[lh]|[0-9;]*[mKA])|\r(?=\x1b)")


def raw(text: str, *, allowed: str = "\n\t") -> set[str]:
    """The control and format characters of a text, but for joiners among their like."""
    joined = re.sub(r"(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])", "", text)
    return {
        char
        for char in set(joined) - set(allowed)
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }


def in_files(folder: Path) -> list[str]:
    """What is wrong with the text of any file below a folder."""
    wrong: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            wrong += _sentences(path.name, raw(text), text.split("\n"))
    return wrong


def on_terminal(name: str, shown: str, *, progress: bool = False) -> list[str]:
    """What is wrong with what a terminal got; it puts a carriage return before each newline, and levels have colour.

    Args:
        name: What was shown.
        shown: What the terminal got.
        progress: Whether a progress bar may move the cursor within its line.
    """
    text = (_PROGRESS if progress else _COLOR).sub("", shown.replace("\r\n", "\n"))
    return _sentences(name, raw(text), text.split("\n"))


def _sentences(name: str, found: set[str], lines: Iterable[str]) -> list[str]:
    wrong = [f"{name} has a raw {char!r}" for char in sorted(found)]
    return wrong + [f"{name} has a forged line" for line in lines if line.startswith(FORGED)]
