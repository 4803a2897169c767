"""The user's processors: one that fails costs what it would have changed, never the event."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from structlog import DropEvent

from otel_mmlog.pipeline.events import HIDDEN, EventDict

Processor = Callable[[Any, str, EventDict], Any]
"""structlog's processor: ``(logger, name, event_dict) -> event_dict``."""

OnFault = Callable[[str, Exception], None]
"""Gets what failed, and how."""


def process(
    processors: Sequence[Processor], logger: logging.Logger, event_dict: EventDict, on_fault: OnFault
) -> EventDict:
    """Return the event dict as the processors leave it.

    One that raises, or returns no mapping, is told to ``on_fault`` and left out: the others still see the event.

    Raises:
        DropEvent: A processor drops the event.
    """
    hidden = {key: event_dict[key] for key in HIDDEN if key in event_dict}
    name = str(event_dict["level"])
    for processor in processors:
        try:
            event_dict = _checked(processor(logger, name, dict(event_dict)))
        except DropEvent:
            raise
        except Exception as error:  # noqa: BLE001 - counted and told; the event goes on without it
            on_fault(f"the processor {_name(processor)}", error)
    return {**hidden, **event_dict}


def _checked(result: Any) -> EventDict:
    """Return a processor's result as a dict of its own.

    Raises:
        TypeError: It is no mapping.
    """
    if not isinstance(result, Mapping):
        raise TypeError(f"it returned a {type(result).__name__}, and not the event dict")
    return dict(result)


def _name(processor: Processor) -> str:
    return str(getattr(processor, "__qualname__", None) or type(processor).__qualname__)
