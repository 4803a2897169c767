"""The first handler of every MMEngine logger: what is journalled comes before what is printed."""

import logging
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakSet

from otel_mmlog.integrations.mmengine.patches import Patches, like


class Tap(logging.Handler):
    """Passes log records on; a logger of MMEngine does not propagate, so that each one needs it.

    Args:
        take: Gets each record at or above the handler's level.
    """

    def __init__(self, take: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._take = take
        self._loggers: WeakSet[logging.Logger] = WeakSet()

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass a record on, without the lock of a handler that writes."""
        self._take(record)
        return True

    def wrap(self, patches: Patches, logger_class: Any) -> None:
        """Be the first handler of the loggers that exist, and of those that will be made."""

        def make(original: Callable[..., None]) -> Callable[..., None]:
            @like(original)
            def __init__(logger: logging.Logger, *args: Any, **kwargs: Any) -> None:  # noqa: N807
                original(logger, *args, **kwargs)
                self._attach(logger)

            return __init__

        patches.wrap(logger_class, "__init__", make)
        for logger in _instances(logger_class):
            self._attach(logger)

    def remove(self) -> None:
        """Leave every logger."""
        for logger in list(self._loggers):
            if self in logger.handlers:
                logger.handlers.remove(self)
        self._loggers.clear()

    def _attach(self, logger: logging.Logger) -> None:
        if self not in logger.handlers:
            logger.handlers.insert(0, self)
        self._loggers.add(logger)


def _instances(logger_class: Any) -> Iterator[logging.Logger]:
    """The global instances of a class and of its subclasses, each of which keeps its own."""
    yield from getattr(logger_class, "_instance_dict", {}).values()
    for subclass in logger_class.__subclasses__():
        yield from _instances(subclass)
