"""A log call, a record or a span's start as one OTLP log record."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from otel_mmlog.core.keys import free_key
from otel_mmlog.core.record import LogEvent, Record, number_json
from otel_mmlog.otel import semconv
from otel_mmlog.otel.envelope import Envelope
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.record_logs import Frame, RecordLines
from otel_mmlog.otel.values import Plain, Values, clean, number_value, quote

_MAX_CACHED_KEYS = 10_000
_SEVERITIES = {10: 5, 20: 9, 30: 13, 40: 17, 50: 21}


class LogsEncoder:
    """Renders log records within limits.

    Args:
        envelope: Around the log record of a line.
        limits: Bounds of values, attributes and the line.
        faults: Reason -> count: ``line_cut`` for each record whose strings were cut to fit its line,
            ``attributes_dropped`` and ``tags_dropped`` for each beyond a limit, and those of `Values`.
        clock_ns: Unix time in nanoseconds, for the observed time.
    """

    def __init__(
        self,
        envelope: Envelope,
        limits: Limits,
        faults: "Counter[str]",
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._envelope = envelope
        self._limits = limits
        self._faults = faults
        self._values = Values(limits, faults)
        self._clock_ns = clock_ns
        self._keys: dict[str, str] = {}
        self._records = RecordLines(
            limits,
            faults,
            lambda event, cut: _attributes(event, Values(limits, cut), limits, cut),
            lambda event, frame, attributes: self._encode(event, frame, attributes, limits.attributes),
        )

    def line(self, event: LogEvent) -> EncodedLine:
        """Return the event as one line, its strings cut where the line would be too long."""
        observed_ns = self._clock_ns()
        if event.record is not None and (known := self._records.line(event, event.record, observed_ns)):
            return known
        line = self._line(event, observed_ns, self._values, self._limits)
        if len(line.data) <= self._limits.line_bytes:
            return line
        self._faults["line_cut"] += 1
        for limits in self._limits.tighter():
            line = self._line(event, observed_ns, Values(limits, self._faults), limits)
            if len(line.data) <= limits.line_bytes:
                break
        return line

    def _line(self, event: LogEvent, observed_ns: int, values: Values, limits: Limits) -> EncodedLine:
        attributes = _attributes(event, values, limits, self._faults)
        if len(event.body) > limits.body_chars:
            self._faults["value_cut"] += 1
        if len(attributes) > limits.attributes:
            self._faults["attributes_dropped"] += len(attributes) - limits.attributes
        body = quote(clean(event.body[: limits.body_chars], self._faults))
        ids = () if event.trace is None else event.trace.hex_ids()
        frame = Frame(str(event.time_ns), str(observed_ns), body, *ids)
        return self._encode(event, frame, attributes, limits.attributes)

    def _encode(
        self, event: LogEvent, frame: Frame, attributes: Mapping[str, str], count: int
    ) -> EncodedLine:
        """Return the line of an event with the first `count` of its attributes."""
        parts = [
            f'{{"timeUnixNano":"{frame.time}","observedTimeUnixNano":"{frame.observed}"',
            f'"severityNumber":{severity_number(event.level)}',
            f'"severityText":{quote(clean(logging.getLevelName(event.level)))}',
            f'"body":{{"stringValue":{frame.body}}}',
        ]
        if attributes and count:
            parts.append(f'"attributes":[{self._join(attributes, count)}]')
        if len(attributes) > count:
            parts.append(f'"droppedAttributesCount":{len(attributes) - count}')
        if event.trace is not None:
            parts.append(f'"traceId":"{frame.trace_id}","spanId":"{frame.span_id}"')
            if event.trace.flags:
                parts.append(f'"flags":{event.trace.flags}')
        name = event_name(event)
        if name:
            parts.append(f'"eventName":{quote(clean(name))}')
        return self._envelope.line([",".join(parts) + "}"], 1, debug=event.level < logging.INFO)

    def _join(self, attributes: Mapping[str, str], count: int) -> str:
        keys = self._keys
        pairs = list(attributes.items())[:count]
        return ",".join([f"{keys.get(key) or self._key(key)}{value}}}" for key, value in pairs])

    def _key(self, key: str) -> str:
        start = f'{{"key":{quote(key)},"value":'
        if len(self._keys) < _MAX_CACHED_KEYS:
            self._keys[key] = start
        return start


def event_name(event: LogEvent) -> str:
    """Return the event's own name, that of its record (``mmlog.train.iter``), or an empty string."""
    if event.event_name is not None:
        return event.event_name
    return semconv.record_event(event.record.progress.mode, event.record.kind) if event.record else ""


def severity_number(level: int) -> int:
    """Return OpenTelemetry's 1 to 24 for a level of the stdlib: DEBUG 5, INFO 9, WARNING 13, ERROR 17, CRITICAL 21.

    Levels between go up one by one to the next; those below DEBUG are TRACE, 1; 0 stays unspecified.
    """
    if level < 10:
        return 1 if level > 0 else 0
    base = min(level // 10 * 10, 50)
    return _SEVERITIES[base] + min(level - base, 3)


def _attributes(event: LogEvent, values: Values, limits: Limits, faults: "Counter[str]") -> dict[str, str]:
    """Return key -> AnyValue, what must not be missed first: the count limit cuts the end."""
    any_value = values.any_value
    attributes: dict[str, str] = {}
    name = event_name(event)
    if name:
        attributes[semconv.EVENT_NAME] = any_value(name)
    if event.event_name != semconv.EVENT_SPAN_START:
        attributes[semconv.SEQ] = any_value(event.seq)
        attributes[semconv.LOGGER] = any_value(event.logger)
    if event.record is not None:
        _add_record(attributes, event.record, values, limits, faults)
    if event.exception is not None:
        stacktrace = event.exception.stacktrace[-limits.stacktrace_chars :] if limits.stacktrace_chars else ""
        attributes[semconv.EXCEPTION_TYPE] = any_value(event.exception.type)
        attributes[semconv.EXCEPTION_MESSAGE] = any_value(event.exception.message)
        attributes[semconv.EXCEPTION_STACKTRACE] = f'{{"stringValue":{quote(clean(stacktrace, faults))}}}'
    if event.code is not None:
        attributes[semconv.CODE_FILE] = any_value(event.code.pathname)
        attributes[semconv.CODE_FUNCTION] = any_value(event.code.function)
        attributes[semconv.CODE_LINE] = any_value(event.code.line)
    for key, value in event.attributes.items():
        text = values.key(key)
        if text:
            attributes[free_key(text, attributes)] = any_value(value)
    return attributes


def _add_record(
    attributes: dict[str, str], record: Record, values: Values, limits: Limits, faults: "Counter[str]"
) -> None:
    progress = record.progress
    attributes[semconv.MODE] = values.any_value(progress.mode)
    attributes[semconv.EPOCH] = values.any_value(progress.epoch)
    attributes[semconv.ITER] = values.any_value(progress.iter)
    attributes[semconv.STEP] = values.any_value(record.step)
    rest: dict[str, Any] = {}
    room = semconv.MAX_TAG_ATTRIBUTES
    for tag, value in record.tags.items():
        if tag in (semconv.EPOCH, semconv.ITER):
            continue  # the progress says the same
        if room and tag and tag not in attributes:
            text = record.numbers.get(tag)
            key = free_key(values.key(tag), attributes)
            attributes[key] = number_value(value, text) if text else values.any_value(value)
            room -= 1
        else:
            rest[tag] = value
    if rest:
        attributes[semconv.TAGS_REST] = f'{{"stringValue":{quote(_rest_json(rest, values, limits, faults))}}}'


def _rest_json(tags: Mapping[str, Any], values: Values, limits: Limits, faults: "Counter[str]") -> str:
    """Return one JSON object of as many tags as a body may have characters."""
    pairs: list[str] = []
    room = limits.body_chars
    for tag, value in tags.items():
        pair = f"{quote(values.key(tag))}:{_strict_json(values.plain(value))}"
        room -= len(pair) + 1
        if room < 0:
            faults["tags_dropped"] += len(tags) - len(pairs)
            break
        pairs.append(pair)
    return f"{{{','.join(pairs)}}}"


def _strict_json(value: Plain) -> str:
    """Return plain data as JSON: NaN and infinities as protobuf's strings, bytes as their repr."""
    if isinstance(value, float):
        return number_json(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{quote(key)}:{_strict_json(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_strict_json, value))}]"
    return json.dumps(repr(value) if isinstance(value, bytes) else value, ensure_ascii=False)
