"""Renders an event as one strict JSON object a line."""

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.pipeline.events import EventDict, to_log_event, with_record
from otel_mmlog.pipeline.plain import plain, to_json


class JSONRenderer:
    """A structlog processor that ends a chain with a JSON line.

    Keys come in this order: ``ts`` (RFC 3339, UTC, microseconds), ``level``, ``logger``, ``event``, ``rank``,
    ``run_id``, ``attempt``, ``seq``, then for a record ``mode``, ``epoch``, ``iter``, ``step``, ``tags``, then what
    the caller bound (a name that is taken gets a ``_`` behind it), then ``exception``.

    Args:
        rank: Written on each line.
        run_id: Written on each line.
        attempt: Written on each line.
    """

    def __init__(self, *, rank: int, run_id: str, attempt: int) -> None:
        self._identity = {"rank": rank, "run_id": run_id, "attempt": attempt}
        self._second = -1
        self._stamp = ""

    def __call__(self, _logger: Any, name: str, event_dict: EventDict) -> str:
        """Return the JSON line of an event dict."""
        return self.render(to_log_event(with_record(event_dict, name)))

    def render(self, event: LogEvent) -> str:
        """Return the object on one line, without a newline."""
        line: dict[str, Any] = {
            "ts": self._time(event.time_ns),
            "level": logging.getLevelName(event.level),
            "logger": event.logger,
            "event": event.body,
            **self._identity,
            "seq": event.seq,
        }
        if event.event_name is not None:
            line["event_name"] = event.event_name
        if event.record is None:
            return to_json({**line, **_rest(event, line)})
        _add_position(line, event.record)
        rest = to_json(_rest(event, {**line, "tags": None}))
        return f'{to_json(line)[:-1]}, "tags": {_tags(event.record)}{", " if len(rest) > 2 else ""}{rest[1:]}'

    def _time(self, time_ns: int) -> str:
        second, rest_ns = divmod(time_ns, 1_000_000_000)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._stamp}.{rest_ns // 1000:06d}Z"


def _add_position(line: dict[str, Any], record: Record) -> None:
    progress = record.progress
    line["mode"] = progress.mode
    line["epoch"] = progress.epoch
    line["iter"] = progress.iter
    line["step"] = record.step


def _tags(record: Record) -> str:
    numbers = record.numbers
    pairs = [
        f"{_quoted(tag)}: {numbers.get(tag) or to_json(plain(value))}" for tag, value in record.tags.items()
    ]
    return f"{{{', '.join(pairs)}}}"


@lru_cache(maxsize=10_000)
def _quoted(name: str) -> str:
    return to_json(name)


def _rest(event: LogEvent, taken: Mapping[str, Any]) -> dict[str, Any]:
    """What the caller bound and where the call was; a name that is taken gets a ``_`` behind it."""
    rest: dict[str, Any] = {}

    def add(key: Any, value: Any) -> None:
        name = str(key)
        while name in taken or name in rest:
            name += "_"
        rest[name] = value

    for key, value in event.attributes.items():
        add(key, value)
    if event.trace is not None:
        add("trace_id", f"{event.trace.trace_id:032x}")
        add("span_id", f"{event.trace.span_id:016x}")
    if event.level >= logging.ERROR and event.code is not None:
        add("source", f"{event.code.pathname}:{event.code.line}")
    if event.exception is not None:
        error = event.exception
        add("exception", {"type": error.type, "message": error.message, "stacktrace": error.stacktrace})
    return rest
