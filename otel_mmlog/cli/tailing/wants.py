"""Which lines a user wants to see: the options ``--rank``, ``--level``, ``--grep`` and ``--since``, parsed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from otel_mmlog.cli.tailing.lines import Line, level_number, searched_text

_RANKS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = ("%H:%M", "%H:%M:%S")


@dataclass(frozen=True, slots=True)
class Wants:
    """What is shown.

    Attributes:
        ranks: Whether a rank's lines are.
        least: Number of the lowest level.
        pattern: What the text holds, or None.
        since_s: Unix time before which nothing is, or None.
    """

    ranks: Callable[[int], bool]
    least: int = 0
    pattern: "re.Pattern[str] | None" = None
    since_s: float | None = None

    def fits(self, line: Line) -> bool:
        """Whether a line is shown; its time is not looked at."""
        if line.level < self.least or not self.ranks(line.rank):
            return False
        return self.pattern is None or self.pattern.search(searched_text(line)) is not None


def parse_ranks(text: str | None) -> Callable[[int], bool]:
    """Return whether a rank is among ``3,5-7``; all are for None.

    Raises:
        ValueError: It is not of this form.
    """
    if text is None:
        return lambda _rank: True
    spans: list[tuple[int, int]] = []
    for part in text.split(","):
        found = _RANKS.fullmatch(part.strip())
        if found is None or int(found[1]) > int(found[2] or found[1]):
            raise ValueError(f"{text!r} is no list of ranks: give numbers and ranges such as 3,5-7")
        spans.append((int(found[1]), int(found[2] or found[1])))
    return lambda rank: any(first <= rank <= last for first, last in spans)


def parse_level(text: str | None) -> int:
    """Return the number of ``W``, ``warning`` or ``30``; 0 for None.

    Raises:
        ValueError: It is none of them.
    """
    if text is None:
        return 0
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return int(text)
    for name in _LEVELS:
        if text and name.startswith(text.upper()):
            return level_number(name)
    raise ValueError(f"{text!r} is no level: give one of {', '.join(_LEVELS)}, its first letter, or a number")


def parse_pattern(text: str | None) -> "re.Pattern[str] | None":
    """Return a regular expression; None for None.

    Raises:
        ValueError: It is none.
    """
    if text is None:
        return None
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is no regular expression ({error}): put a \\ before characters such as ( [ + *"
        ) from None


def parse_since(text: str | None, now_s: float) -> float | None:
    """Return the Unix time of ``5m`` ago, of ``14:30`` today or of ``2026-11-22 14:30``; None for None.

    Args:
        text: Local time, unless it names a zone.
        now_s: Unix time.

    Raises:
        ValueError: It is none of them.
    """
    if text is None:
        return None
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return now_s - float(span[1]) * _SECONDS[span[2]]
    now = datetime.fromtimestamp(now_s).astimezone()
    for form in _CLOCK:
        try:
            clock = datetime.strptime(text, form).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
        moment = datetime.combine(now.date(), clock.time())
        return (moment if moment.timestamp() <= now_s else moment - timedelta(days=1)).timestamp()
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is no time: give a span such as 30s, 5m, 2h or 1d, or a time such as 14:30 or "
            "'2026-11-22 14:30'"
        ) from None
