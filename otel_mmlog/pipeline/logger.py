"""The run's logger: structlog in front, the stdlib behind, nobody's configuration touched."""

import logging
import sys
from typing import Any

import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder

from otel_mmlog.core.keys import free_key
from otel_mmlog.pipeline.events import (
    EVENT_DICT,
    HIDDEN,
    STACK,
    EventDict,
    format_message,
)
from otel_mmlog.pipeline.handler import RunHandler

_TAKEN = ("level", "logger", "pathname", "func_name", "lineno", STACK, "_from_structlog", *HIDDEN)
_render_stack = structlog.processors.StackInfoRenderer(additional_ignores=[__name__])


class RunLogger(logging.Logger):
    """A logger that a later ``dictConfig`` can neither disable nor strip: the logging manager does not know it.

    Its events may reach the root logger's handlers too, except, where the run prints them itself, those that print.

    Args:
        name: Of every event.
        level: Events below it are dropped.
        handler: The run's.
        prints: Whether its events are printed already.
        reaches_root: Whether they reach the root logger's handlers.
    """

    def __init__(
        self, name: str, level: int, handler: RunHandler, *, prints: bool, reaches_root: bool = True
    ) -> None:
        super().__init__(name, level)
        self.parent = logging.getLogger()
        self._prints = prints
        self._reaches_root = reaches_root
        self._own = handler
        self.addHandler(handler)
        handler.logger = self

    def has_only_own(self) -> bool:
        """Whether an event meets the run's handler, and no processor, filter or handler of anybody else."""
        if self._own.has_processors or self.filters:
            return False
        return all(handler is self._own for handler in self._all_handlers())

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - the stdlib's name
        """Hand a record to the run's handler, then to the root logger's."""
        for handler in self._all_handlers():
            if record.levelno >= handler.level and not (self._prints and _is_console(handler)):
                handler.handle(record)

    def _all_handlers(self) -> list[logging.Handler]:
        return [*self.handlers, *(logging.getLogger().handlers if self._reaches_root else ())]


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in (
        sys.stdout,
        sys.stderr,
        sys.__stdout__,
        sys.__stderr__,
    )


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
            _format_arguments,
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
            free = free_key(key, event_dict)
            event_dict[free] = event_dict.pop(key)
    return event_dict


def _format_arguments(_logger: Any, _name: str, event_dict: EventDict) -> EventDict:
    """Put the positional arguments into the message; structlog's own processor raises for a wrong format."""
    arguments = event_dict.pop("positional_args", ())
    if arguments:
        is_mapping = len(arguments) == 1 and isinstance(arguments[0], dict) and arguments[0]
        event_dict["event"] = format_message(
            event_dict.get("event"), arguments[0] if is_mapping else arguments
        )
    return event_dict


def _to_stdlib(_logger: Any, _name: str, event_dict: EventDict) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """End the chain with a stdlib call; the event dict travels on the log record.

    structlog's own ``render_to_log_kwargs`` raises for a key such as ``name``, which a log record has already.
    """
    kwargs: dict[str, Any] = {"extra": {EVENT_DICT: event_dict}}
    if _is_asked(
        event_dict, "stack_info"
    ):  # the stdlib's own stack, for other handlers, ends inside of structlog
        event_dict[STACK] = _render_stack(None, "", {"stack_info": True})["stack"]
    for key in ("exc_info", "stack_info"):
        if _is_asked(event_dict, key):
            kwargs[key] = event_dict.pop(key)
    return (event_dict.get("event", ""),), kwargs


def _is_asked(event_dict: EventDict, key: str) -> bool:
    """Whether a flag is set; not by what cannot say whether it is true."""
    try:
        return bool(event_dict.get(key))
    except Exception:  # noqa: BLE001 - any object may be given; it then stays an ordinary value of the event
        return False
