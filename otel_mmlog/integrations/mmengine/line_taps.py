"""Sees the lines that a runner's log processor makes, of whatever class it is."""

import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any

from otel_mmlog.integrations.mmengine.patches import like

Note = Callable[[str, tuple[Any, ...], dict[str, Any], Any], None]
"""Gets ``"iter"`` or ``"epoch"``, the arguments of the method, and what it returned; never raises."""

_METHODS = {"get_log_after_iter": "iter", "get_log_after_epoch": "epoch"}


class LineTaps:
    """Wraps the two methods of single log processors, which it does not keep alive.

    Args:
        note: Called after each call.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._processors: list[weakref.ref[Any]] = []
        self._wrappers: weakref.WeakSet[Any] = weakref.WeakSet()

    def attach(self, processor: Any) -> None:
        """Wrap a processor's methods, once."""
        self._processors = [known for known in self._processors if known() is not None]
        self._processors.append(weakref.ref(processor))
        for name, kind in _METHODS.items():
            original = getattr(processor, name, None)
            if callable(original) and getattr(original, "__func__", None) not in self._wrappers:
                setattr(processor, name, self._wrap(processor, original, kind))

    def remove(self) -> None:
        """Leave every processor as it was."""
        for known in self._processors:
            processor = known()
            for name in _METHODS if processor is not None else ():
                wrapper = getattr(vars(processor).get(name), "__func__", None)
                if wrapper is not None and wrapper in self._wrappers:
                    _restore(processor, name, wrapper.__wrapped__)
        self._processors.clear()

    def _wrap(self, processor: Any, original: Any, kind: str) -> MethodType:
        # A method with the processor as its self: that is what a deep copy and pickle know how to move to another.
        is_own = getattr(original, "__self__", None) is processor and hasattr(original, "__func__")
        function: Any = original.__func__ if is_own else original

        @like(function)
        def get_log(processor: Any, *args: Any, **kwargs: Any) -> Any:
            result = function(processor, *args, **kwargs) if is_own else function(*args, **kwargs)
            self._note(kind, args, kwargs, result)
            return result

        self._wrappers.add(get_log)
        return MethodType(get_log, processor)


def _restore(processor: Any, name: str, function: Any) -> None:
    delattr(processor, name)
    inherited = getattr(processor, name, None)
    if getattr(inherited, "__func__", inherited) is not function:
        setattr(processor, name, function)
