"""The run's logger: structlog in front, the stdlib behind, nobody's configuration touched."""

import logging
from typing import Any

import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder

from otel_mmlog.pipeline.events import EventDict

_TAKEN = ("level", "logger", "pathname", "func_name", "lineno")


def make_stdlib_logger(name: str, level: int, handler: logging.Handler) -> logging.Logger:
    """Make a logger that a later ``dictConfig`` can neither disable nor strip.

    It is not in the logging manager; its events still reach the root logger's handlers.
    """
    logger = logging.Logger(name, level)
    logger.parent = logging.getLogger()
    logger.addHandler(handler)
    return logger


def make_logger(stdlib_logger: logging.Logger) -> structlog.stdlib.BoundLogger:
    """Wrap a stdlib logger, with processors of its own: a user's ``structlog.configure`` is left alone."""
    callsite = CallsiteParameterAdder(
        {CallsiteParameter.PATHNAME, CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO},
        additional_ignores=[__name__],
    )
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        stdlib_logger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            _keep_taken_names,
            structlog.stdlib.PositionalArgumentsFormatter(),
            callsite,
            _to_stdlib,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return logger.bind()


def _keep_taken_names(_logger: Any, _name: str, event_dict: EventDict) -> EventDict:
    """Put an underscore behind a caller's key whose name the pipeline writes itself, so that both are kept."""
    for key in _TAKEN:
        if key in event_dict:
            free = f"{key}_"
            while free in event_dict:
                free += "_"
            event_dict[free] = event_dict.pop(key)
    return event_dict


def _to_stdlib(_logger: Any, _name: str, event_dict: EventDict) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """End the chain with a stdlib call; the event dict travels on the log record.

    structlog's own ``render_to_log_kwargs`` raises for a key such as ``name``, which a log record has already.
    """
    kwargs: dict[str, Any] = {"extra": {"_mmlog_event": event_dict}}
    for key in ("exc_info", "stack_info"):
        if event_dict.get(key):
            kwargs[key] = event_dict.pop(key)
    return (event_dict.get("event", ""),), kwargs
