"""Renders an event as the text line of MMEngine's console and log files."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from otel_mmlog.core.escape import continuation, escape
from otel_mmlog.core.record import LogEvent
from otel_mmlog.core.shown import line_text
from otel_mmlog.pipeline.events import STACK, EventDict, text_of, to_log_event, with_record

CONSOLE_TIME = "%m/%d %H:%M:%S"
FILE_TIME = "%Y/%m/%d %H:%M:%S"
_CONFIG = "mmlog.run.config"
_MAX_CONFIG_CHARS = 500

# ECMA-48 SGR codes; MMEngine underlines every level and lets WARNING and ERROR blink.
_BLINK, _UNDERLINE, _RESET = "\x1b[5m", "\x1b[4m", "\x1b[0m"
_RED, _YELLOW, _GREEN, _WHITE = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[97m"


class TextRenderer:
    """A structlog processor that ends a chain with an MMEngine line.

    >>> 08/21 02:58:41 - mmengine - INFO - Epoch(train) [1][10/25]  lr: 1.0000e-02  ...

    Args:
        time_format: `CONSOLE_TIME` or `FILE_TIME`, for ``time.strftime``.
        color: Whether the level is underlined and coloured.
    """

    def __init__(self, *, time_format: str = FILE_TIME, color: bool = False) -> None:
        self._time_format = time_format
        self._color = color
        self._second = -1
        self._stamp = ""

    def __call__(self, _logger: Any, name: str, event_dict: EventDict) -> str:
        """Return the text line of an event dict."""
        return self.render(to_log_event(with_record(event_dict, name)))

    def render(self, event: LogEvent) -> str:
        """Return the line, without its last newline; only a traceback or a stack adds further lines."""
        place = ""
        if event.level >= logging.ERROR and event.code is not None:
            place = f"{event.code.pathname} - {event.code.function} - {event.code.line} - "
        head = f"{self._time(event.time_ns)} - {escape(event.logger)} - {self._level(event.level)} - {escape(place)}"
        tail = "" if event.exception is None else continuation(event.exception.stacktrace)
        if STACK in event.attributes:
            tail += continuation(text_of(event.attributes[STACK]))
        return f"{head}{message(event)}{tail}"

    def _time(self, time_ns: int) -> str:
        second = time_ns // 1_000_000_000
        if second != self._second:
            self._stamp = time.strftime(self._time_format, time.localtime(second))
            self._second = second
        return self._stamp

    def _level(self, level: int) -> str:
        name = escape(logging.getLevelName(level))
        if not self._color:
            return name
        return f"{_style(level)}{name}{_RESET}"


def message(event: LogEvent) -> str:
    """The body and what the caller bound to it, as ``saved  path=a.pt  epoch=1``; the body alone of a bare event."""
    if event.record is not None:
        return _record_text(event.body)
    if event.bare or not event.attributes:
        return escape(event.body)
    shown = _shortened_config if event.event_name == _CONFIG else _value
    pairs = (f"{key}={shown(value)}" for key, value in event.attributes.items() if key != STACK)
    return escape("  ".join([event.body, *pairs]))


def _record_text(text: str) -> str:
    """Arrays print over several lines in MMEngine: here they become continuation lines."""
    if text.isascii() and text.isprintable():
        return text
    first, *rest = text.split("\n")
    return escape(first) + "".join(continuation(line) for line in rest)


def _value(value: Any) -> str:
    text = line_text(value)
    return repr(text) if isinstance(value, str) and (" " in text or not text) else text


def _shortened_config(config: Any) -> str:
    """Settings as `_value` shows them, as many as a line has room for."""
    text = _value(config)
    if len(text) <= _MAX_CONFIG_CHARS or not isinstance(config, Mapping):
        return text
    items = [line_text({key: value})[1:-1] for key, value in config.items()]
    kept, room = [], _MAX_CONFIG_CHARS
    for item in items:
        if len(item) + 2 <= room:
            kept.append(item)
            room -= len(item) + 2
    more = f"... {len(items) - len(kept)} more in the JSON file"
    return f"{{{', '.join([*kept, more])}}}"


def _style(level: int) -> str:
    if level >= logging.ERROR:
        return _BLINK + _UNDERLINE + _RED
    if level >= logging.WARNING:
        return _BLINK + _UNDERLINE + _YELLOW
    return _UNDERLINE + (_WHITE if level >= logging.INFO else _GREEN)
