"""Keeps a text on one physical line, and raw control characters out of files and terminals.

Log injection is CWE-117, terminal escapes are CWE-150.
"""

import json
import re

CONTINUATION = "    | "

# Beside C1 and DEL what is invisible, or moves what is next to it: line ends, bidirectional controls, zero width,
# fillers, tags, the variation selectors that no font has.
_UNSEEN = (
    "\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS = "\u200c\u200d"
_SURROGATES = "\ud800-\udfff"  # they have no UTF-8
_IN_TEXT = re.compile(f"[\x00-\x08\x0a-\x1f{_SURROGATES}{_UNSEEN}]")
_IN_JSON = re.compile(f"[{_UNSEEN}]")


def escape(text: str) -> str:
    """Write control characters as Python would: a newline becomes the two characters ``\\n``."""
    if text.isascii() and text.isprintable():
        return text
    return _IN_TEXT.sub(_as_python, text)


def escape_json(text: str) -> str:
    """Write what JSON allows raw in a string, and a terminal or a line splitter takes amiss, as JSON's own escapes.

    Args:
        text: JSON of one or more lines; it means the same afterwards.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return _IN_JSON.sub(_as_json, text)


def continuation(text: str) -> str:
    """Write a traceback as indented lines that ``grep -v '^    | '`` drops.

    Returns:
        The lines, each with a newline before it.
    """
    return "".join(f"\n{CONTINUATION}{escape(line)}" for line in text.rstrip("\n").split("\n"))


def _as_python(match: re.Match[str]) -> str:
    return match.group() if _joins(match) else match.group().encode("unicode_escape").decode("ascii")


def _as_json(match: re.Match[str]) -> str:
    return match.group() if _joins(match) else json.dumps(match.group())[1:-1]


def _joins(match: re.Match[str]) -> bool:
    """Whether it is a joiner between two letters of a script, or two parts of an emoji, that need it."""
    if match.group() not in _JOINERS:
        return False
    before, after = (
        match.string[match.start() - 1 : match.start()],
        match.string[match.end() : match.end() + 1],
    )
    return bool(before and after) and not before.isascii() and not after.isascii()
