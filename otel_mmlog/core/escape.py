"""Keeps a text on one physical line, and raw control characters out of files and terminals.

Log injection is CWE-117, terminal escapes are CWE-150.
"""

import json
import re

CONTINUATION = "    | "

# Beside C1 and DEL what is invisible, or moves what is next to it: line ends, bidirectional controls, zero width,
# tags. Joiners are left where scripts and emoji need them: among their like.
_UNSEEN = (
    "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
_SURROGATES = "\ud800-\udfff"  # they have no UTF-8
_STRAY_JOINER = "(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
_IN_TEXT = re.compile(f"[\x00-\x08\x0a-\x1f{_SURROGATES}{_UNSEEN}]|{_STRAY_JOINER}")
_IN_JSON = re.compile(f"[{_UNSEEN}]|{_STRAY_JOINER}")


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
    return match.group().encode("unicode_escape").decode("ascii")


def _as_json(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
