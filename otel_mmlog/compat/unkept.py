"""What other loggers keep and a run does not: each kind is told once, and nothing else happens."""

import logging
from collections.abc import Callable
from typing import Any

from otel_mmlog.loops.told import TellOnce

tell = TellOnce(logging.getLogger("otel_mmlog").warning)


def unkept(name: str) -> Callable[..., None]:
    """Return a function that takes anything, does nothing, and tells so once."""

    def call(*_args: Any, **_kwargs: Any) -> None:
        tell(name, f"{name} does nothing here: a run keeps scalars, texts and settings")

    return call


class Unkept:
    """A picture, table or artifact, which a run does not keep."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Take anything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return unkept(f"{type(self).__name__}.{name}")
