"""What other loggers keep and a run does not: each kind is told once, and nothing else happens."""

import logging
from collections.abc import Callable
from typing import Any

from otel_mmlog.loops.told import TellOnce

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
