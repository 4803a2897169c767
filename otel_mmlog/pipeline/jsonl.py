"""Renders an event as one strict JSON object a line."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.pipeline.events import EventDict, to_log_event, with_record
from otel_mmlog.pipeline.plain import plain, to_json

_MAX_TEMPLATES = 16
_VARYING = {"ts": '"%s"', "event": "%s", "seq": "%d", "epoch": "%d", "iter": "%d", "step": "%d"}


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
        self._templates: dict[tuple[Any, ...], str] = {}
        self._second = -1
        self._stamp = ""

    def __call__(self, _logger: Any, name: str, event_dict: EventDict) -> str:
        """Return the JSON line of an event dict."""
        return self.render(to_log_event(with_record(event_dict, name)))

    def render(self, event: LogEvent) -> str:
        """Return the object on one line, without a newline."""
        if event.record is not None:
            return self._render_record(event, event.record)
        line = self._head(event)
        return to_json({**line, **_rest(event, line)})

    def _head(self, event: LogEvent) -> dict[str, Any]:
        """What every line begins with."""
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
        return line

    def _render_record(self, event: LogEvent, record: Record) -> str:
        """Render a line of which all but a few values is that of the last such record."""
        progress, tags, numbers = record.progress, record.tags, record.numbers
        kind = (tuple(tags), progress.mode, event.level, event.logger, event.event_name)
        template = self._templates.get(kind)
        if template is None:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[kind] = self._make_template(event, record)
        texts = (
            numbers.values()
            if len(numbers) == len(tags)
            else [numbers.get(tag) or to_json(plain(value)) for tag, value in tags.items()]
        )
        line = template % (
            self._time(event.time_ns),
            to_json(event.body),
            event.seq,
            progress.epoch,
            progress.iter,
            record.step,
            *texts,
        )
        if not event.attributes and event.exception is None and event.code is None:
            if event.trace is None:
                return line
            trace_id, span_id = event.trace.hex_ids()
            return f'{line[:-1]}, "trace_id": "{trace_id}", "span_id": "{span_id}"}}'
        rest = to_json(_rest(event, {**self._head(event), **_position(record), "tags": None}))
        return f"{line[:-1]}, {rest[1:]}" if len(rest) > 2 else line

    def _make_template(self, event: LogEvent, record: Record) -> str:
        """The line of a record for the ``%`` operator: it takes what `_VARYING` names, and each tag's JSON."""
        head = {**self._head(event), **_position(record)}
        pairs = [f"{_literal(key)}: {_VARYING.get(key) or _literal(value)}" for key, value in head.items()]
        tags = ", ".join(f"{_literal(tag)}: %s" for tag in record.tags)
        return f'{{{", ".join(pairs)}, "tags": {{{tags}}}}}'

    def _time(self, time_ns: int) -> str:
        second, rest_ns = divmod(time_ns, 1_000_000_000)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._stamp}.{rest_ns // 1000:06d}Z"


def _position(record: Record) -> dict[str, Any]:
    progress = record.progress
    return {"mode": progress.mode, "epoch": progress.epoch, "iter": progress.iter, "step": record.step}


def _literal(value: Any) -> str:
    return to_json(value).replace("%", "%%")


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
        trace_id, span_id = event.trace.hex_ids()
        add("trace_id", trace_id)
        add("span_id", span_id)
    if event.level >= logging.ERROR and event.code is not None:
        add("source", f"{event.code.pathname}:{event.code.line}")
        if event.code.function:
            add("function", event.code.function)
    if event.exception is not None:
        error = event.exception
        add("exception", {"type": error.type, "message": error.message, "stacktrace": error.stacktrace})
    return rest
