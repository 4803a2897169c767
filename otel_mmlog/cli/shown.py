"""Amounts and lists as people read them."""

from collections.abc import Iterable

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_MOST_NAMES = 30


def listed(names: Iterable[str]) -> str:
    """Return ``a, b, c``; of many the first, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def shown_bytes(size: float) -> str:
    """Return ``12.5 MiB``."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} {_UNITS[-1]}"


def shown_age(seconds: float) -> str:
    """Return ``3 min``, ``2 d``: the largest unit of which there is one."""
    for length_s, unit in _TIMES:
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return "0 s"


def shown_seconds(seconds: float) -> str:
    """Return a length of time: ``0.31 s``, ``42 s``, ``3 min 20 s``, ``7 h 12 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
