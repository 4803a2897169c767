"""From a structlog event dict to the `LogEvent` that every output renders."""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from otel_mmlog.core.keys import free_key
from otel_mmlog.core.record import CodeRef, ExceptionInfo, LogEvent, Record, TraceRef, qualified_name
from otel_mmlog.pipeline.levels import method_level

EventDict = MutableMapping[str, Any]
"""structlog's event dict: what the caller passed, plus what the processors added."""


RECORD = "_mmlog_record"
EVENT_NAME = "_mmlog_event_name"
BARE = "_mmlog_bare"
"""True where text shows the body alone, because it says already what the attributes say."""
EVENT_DICT = "_mmlog_event"
"""The attribute of a log record that carries the event dict of the run's own log calls."""
STACK = "code.stacktrace"
"""The attribute that holds the stack of a log call with ``stack_info=True``."""
_STDLIB = "_record"
HIDDEN = (RECORD, EVENT_NAME, BARE, _STDLIB)
"""Keys without which an event is not what it was."""
HANDLED = "_mmlog_handled"
"""The attribute of a log record that says which run has handled it."""
_BARE_COUNT = len(vars(logging.makeLogRecord({})))
_STANDARD = frozenset([*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"])
_OWN_KEYS = frozenset(
    [
        "event",
        "level",
        "logger",
        "exc_info",
        "stack_info",
        "pathname",
        "func_name",
        "lineno",
        RECORD,
        EVENT_NAME,
        BARE,
        _STDLIB,
    ]
)


def from_stdlib(record: logging.LogRecord) -> EventDict:
    """Start the event dict of a stdlib log record; a structlog call brings its own along."""
    own = getattr(record, EVENT_DICT, None)
    bound: EventDict = dict(own) if own else _foreign(record)
    if "event" not in bound:
        bound["event"] = format_message(record.msg, record.args)
    bound["level"] = record.levelname.lower()
    bound["logger"] = record.name
    bound[_STDLIB] = record
    bound.setdefault("pathname", record.pathname)
    bound.setdefault("func_name", record.funcName)
    bound.setdefault("lineno", record.lineno)
    if record.exc_info:
        bound["exc_info"] = record.exc_info
    if record.stack_info:
        bound.setdefault(STACK, record.stack_info)
    return bound


def with_record(event_dict: EventDict, method_name: str) -> EventDict:
    """Give an event dict of a user's own structlog chain the log record that it lacks.

    Its level and logger are those of structlog's ``add_log_level`` and ``add_logger_name``, if they ran.
    """
    if _STDLIB in event_dict:
        return event_dict
    level = method_level(str(event_dict.get("level", method_name)))
    name = str(event_dict.get("logger", "mmengine"))
    return {**event_dict, _STDLIB: logging.LogRecord(name, level, "", 0, "", None, None)}


def to_log_event(event_dict: EventDict, *, trace: TraceRef | None = None, seq: int = 0) -> LogEvent:
    """Finish an event dict: everything that is not the pipeline's own key is an attribute."""
    stdlib: logging.LogRecord = event_dict[_STDLIB]
    record: Record | None = event_dict.get(RECORD)
    return LogEvent(
        time_ns=record.time_ns if record is not None else int(stdlib.created * 1e9),
        level=stdlib.levelno,
        logger=stdlib.name,
        body=text_of(event_dict.get("event", "")),
        attributes={key: value for key, value in event_dict.items() if key not in _OWN_KEYS},
        event_name=event_dict.get(EVENT_NAME),
        exception=exception_info(event_dict.get("exc_info")),
        record=record,
        code=None if record is not None else _code(*map(event_dict.get, ("pathname", "func_name", "lineno"))),
        trace=trace,
        seq=seq,
        bare=bool(event_dict.get(BARE)),
    )


def bare_event(
    record: logging.LogRecord, name: str, attributes: Mapping[str, Any], *, trace: TraceRef | None, seq: int
) -> LogEvent:
    """Return what `from_stdlib` and `to_log_event` make of a log record with an event dict of these attributes.

    Args:
        record: Its text says already what the attributes say.
        name: What the event is called.
        attributes: Under none of the pipeline's own keys.
        trace: The span that is current, or None.
        seq: The event's number.
    """
    if record.stack_info:
        attributes = {**attributes, STACK: record.stack_info}
    return LogEvent(
        time_ns=int(record.created * 1e9),
        level=record.levelno,
        logger=record.name,
        body=format_message(record.msg, record.args),
        attributes=attributes,
        event_name=name,
        exception=exception_info(record.exc_info),
        code=_code(record.pathname, record.funcName, record.lineno),
        trace=trace,
        seq=seq,
        bare=True,
    )


def exception_info(exc_info: Any) -> ExceptionInfo | None:
    """Read an exception, or an ``exc_info`` triple, as text; None where there is none."""
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) > 1 else exc_info
    if not isinstance(error, BaseException):
        return None
    return ExceptionInfo(
        type=qualified_name(type(error)),
        message=_guarded(lambda: str(error), "message"),
        stacktrace=_guarded(
            lambda: "".join(traceback.format_exception(type(error), error, error.__traceback__)), "traceback"
        ),
    )


def _foreign(record: logging.LogRecord) -> EventDict:
    """What others put on a log record: ``extra``, or the event dict of structlog's ``wrap_for_formatter``."""
    wrapped = record.msg
    bound: EventDict = dict(wrapped) if isinstance(wrapped, dict) and "event" in wrapped else {}
    if len(vars(record)) > _BARE_COUNT + (HANDLED in vars(record)):
        _add_extra(bound, record)
    return bound


def _add_extra(bound: EventDict, record: logging.LogRecord) -> None:
    values = {str(key): value for key, value in vars(record).items()}  # the stdlib lets any key through
    keys = [key for key in values if key not in _STANDARD and not key.startswith("_")]
    known = {"level": record.levelname.lower(), "logger": record.name}  # structlog's processors add both
    for key in keys:
        value = values[key]
        if key not in _OWN_KEYS:
            bound[key] = value
        elif not (isinstance(value, str) and value == known.get(key)):
            bound[free_key(key, keys)] = value


def format_message(message: Any, arguments: Any) -> str:
    """Return ``message % arguments``, or just the message without any; where that raises, a text that says so."""
    text = text_of(message)
    if not arguments:
        return text
    try:
        return str(text % arguments)
    except Exception as error:  # noqa: BLE001 - a wrong % format or a raising __str__ must not lose the event
        return f"{text:.200} (could not be formatted: {type(error).__name__}: {text_of(error)})"


def text_of(value: Any) -> str:
    """Return the ``str`` of a message or an exception; where it raises, a text that says so."""
    if isinstance(value, str):
        return str.__str__(value)  # a subclass may raise in its own
    return _guarded(lambda: str(value), "event")


def _guarded(render: Callable[[], str], what: str) -> str:
    try:
        return render()
    except Exception as error:  # noqa: BLE001 - a raising __str__ costs its own text only, and the text says so
        return f"<unprintable {what}: {type(error).__name__}>"


def _code(pathname: Any, function: Any, line: Any) -> CodeRef | None:
    if not pathname:
        return None
    return CodeRef(str(pathname), str(function or ""), line if isinstance(line, int) else 0)
