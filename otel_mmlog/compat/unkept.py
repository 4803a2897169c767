"""What other loggers keep and a run does not: each kind is told once, and nothing else happens."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from otel_mmlog.core.shown import shown
from otel_mmlog.integrations.held_run import AS_LOGGED
from otel_mmlog.loops.told import TellOnce

LIKE_THEIRS: Mapping[str, Any] = {
    "by_epoch": False,
    "interval": 1,
    "mean_pattern": AS_LOGGED,
    "console": "messages",
}
"""Arguments of `otel_mmlog.init` for loggers that write each step as it is, and print none."""
tell = TellOnce(logging.getLogger("otel_mmlog").warning)


def unkept(name: str, result: Any = None) -> Callable[..., Any]:
    """Return a function that takes anything, does nothing but return `result`, and tells so once."""

    def call(*_args: Any, **_kwargs: Any) -> Any:
        tell(name, f"{name} does nothing here: a run keeps scalars, texts and settings")
        return result

    return call


class Unkept:
    """A picture, table or artifact, which a run does not keep."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Take anything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return unkept(f"{type(self).__name__}.{name}", self)


def without_unkept(values: Mapping[Any, Any], call: str) -> dict[str, Any]:
    """Return the values that may be scalars or texts; each name that has another is told once.

    Args:
        values: By the names that a script gave them.
        call: What it called.
    """
    kept = {}
    for name, value in values.items():
        if value is None or isinstance(value, (Unkept, list, tuple, set, Mapping)):
            what = "" if isinstance(value, Unkept) else f" it is {shown(value)}, and"
            tell(f"value {name}", f"{call}: {name!r} is left out:{what} a run keeps scalars and texts")
        else:
            kept[str(name)] = value
    return kept
