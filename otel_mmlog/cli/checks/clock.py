"""How far this machine's clock is from a server's."""

from collections.abc import Iterable, Iterator
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Final

from otel_mmlog.cli.checks.finding import Finding

_DOUBTFUL_S: Final = 5.0
_WRONG_S: Final = 60.0
_HALF_S: Final = 0.5  # the date is cut to whole seconds


def check_clock(dates: Iterable[tuple[str, float]]) -> Iterator[Finding]:
    """Yield how far the clocks are apart, at the worst; nothing where no server has told its time.

    Args:
        dates: What servers said in their header Date, and the Unix time here when they did.
    """
    skews_s = [server_s + _HALF_S - at_s for date, at_s in dates if (server_s := _unix_s(date)) is not None]
    if not skews_s:
        return
    worst_s = max(skews_s, key=abs)
    if abs(worst_s) < _DOUBTFUL_S:
        yield Finding("ok", "clock", f"as the server's, within {max(1.0, abs(worst_s)):.0f} s")
        return
    found = f"this machine's is {abs(worst_s):,.0f} s {'behind' if worst_s > 0 else 'ahead of'} the server's"
    fix = "correct the clock (timedatectl set-ntp true): servers refuse points that are too old or to come"
    yield Finding("FAIL" if abs(worst_s) >= _WRONG_S else "warn", "clock", found, fix)


def _unix_s(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
