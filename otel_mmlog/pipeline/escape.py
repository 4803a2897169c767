"""Keeps one text event on one physical line, whatever is in its message."""

import re

CONTINUATION = "    | "

# C0 without tab, DEL, C1, the Unicode line ends, bidirectional controls, lone surrogates (they have no UTF-8).
# Log injection: CWE-117; terminal escapes: CWE-150.
_CONTROL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\x1b": "\\x1b", "\x00": "\\x00"}


def escape(text: str) -> str:
    """Write control characters as Python would: a newline becomes the two characters ``\\n``."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(_name, text)


def continuation(text: str) -> str:
    """Write a traceback as indented lines that ``grep -v '^    | '`` drops.

    Returns:
        The lines, each with a newline before it.
    """
    return "".join(f"\n{CONTINUATION}{escape(line)}" for line in text.rstrip("\n").split("\n"))


def _name(match: re.Match[str]) -> str:
    char = match.group()
    if char in _SHORT:
        return _SHORT[char]
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
