"""Prints what Python would print if the run's handler were not there."""

import logging
from collections.abc import Iterator

from otel_mmlog.pipeline.events import EVENT_DICT
from otel_mmlog.pipeline.outputs import OWN_LOGGER


class LastResort(logging.Handler):
    """Stands in for ``logging.lastResort``, which is silent as soon as any handler is on the root logger.

    Args:
        own: The run's handler, which prints nothing.
    """

    def __init__(self, own: logging.Handler) -> None:
        super().__init__(logging.WARNING)
        self._own = own

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record that no handler but the run's has seen, unless there would be none without the run."""
        if record.name == OWN_LOGGER or hasattr(record, EVENT_DICT):
            return
        fallback = logging.lastResort
        others = [handler for handler in _handlers(record.name) if handler not in (self, self._own)]
        if fallback is not None and not others and record.levelno >= fallback.level:
            fallback.handle(record)


def _handlers(name: str) -> Iterator[logging.Handler]:
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None
