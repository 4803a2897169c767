"""What may be called as a statistic, and how a wrong name or a wrong argument is told."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otel_mmlog.core.errors import UnknownStatisticError

Statistic = Callable[..., Any]
"""``method(history, *args, **kwargs)``: reads the history's arrays and returns a number."""

BUILTIN_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "mean": ("window_size",),
    "max": ("window_size",),
    "min": ("window_size",),
    "current": (),
}
"""The statistics that every history has, with the arguments they take."""


def nearest(name: str, names: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """The names that look most like `name`, the best first."""
    return tuple(difflib.get_close_matches(name, sorted(names), n=limit, cutoff=0.5))


def unknown_statistic(name: str, known: Iterable[str], where: str = "") -> UnknownStatisticError:
    """The error for a name that no statistic is registered under."""
    known = sorted(known)
    close = nearest(name, known, limit=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return UnknownStatisticError(
        f"{where}no statistic is named {name!r}{hint}: registered are {', '.join(map(repr, known))}; "
        "register others with HistoryBuffer.register_statistics"
    )


def call_mistake(method: Statistic, arguments: Mapping[str, Any]) -> str | None:
    """Why ``method(history, **arguments)`` cannot be called, or None if it can."""
    try:
        inspect.signature(method).bind(None, **arguments)
    except TypeError as error:
        return str(error)
    except ValueError:  # a callable written in C has no signature to hold it against
        return None
    return None
