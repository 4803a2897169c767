"""Attributes of another package that are wrapped while we are active, and put back as they were."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from otel_mmlog.termination import handing_over

Make = Callable[[Any], Any]
"""From the original to what takes its place."""

_ABSENT = object()


def like(original: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a wrapper so that it looks like the original, its signature included.

    ``functools.wraps`` is not enough for those who look at a function without unwrapping it: MMEngine demands of
    each class with global instances that its constructor has a parameter ``name``.
    """

    def decorate(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        wrapped: Any = wraps(original)(wrapper)
        wrapped.__signature__ = inspect.signature(original)
        handing_over.add(wrapped.__code__)
        return wrapped  # type: ignore[no-any-return]  # it is the wrapper, which `Any` lets carry a signature

    return decorate


class Patches:
    """Wraps attributes, and restores them in the opposite order.

    Attributes:
        missing: ``Owner.name`` of what was not there to be wrapped.
    """

    def __init__(self) -> None:
        self.missing: list[str] = []
        self._done: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, make: Make) -> bool:
        """Put ``make(original)`` in the place of an attribute; whether the attribute was there.

        Args:
            owner: A class, a module or an object.
            name: The attribute.
            make: Called with the function, or whatever is there, as ``getattr`` gives it.
        """
        original = getattr(owner, name, _ABSENT)
        if original is _ABSENT:
            self.missing.append(f"{getattr(owner, '__name__', type(owner).__name__)}.{name}")
            return False
        own = vars(owner).get(name, _ABSENT)  # a classmethod object, or nothing where it is inherited
        replacement = make(original)
        setattr(owner, name, replacement)
        self._done.append((owner, name, own, replacement))
        return True

    def undo(self) -> None:
        """Restore what is still ours; what somebody else put over it since then stays."""
        while self._done:
            owner, name, own, replacement = self._done.pop()
            if vars(owner).get(name) is not replacement:
                continue
            if own is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
