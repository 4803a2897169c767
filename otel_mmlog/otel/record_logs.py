"""The log record of a loop's record: all but its numbers is that of the last one with the same tags."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from otel_mmlog.core.escape import escape_json
from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.otel import semconv
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.values import clean, number_value, quote

_MAX_TEMPLATES = 16
_PLACE = "\0"  # JSON cannot hold it: there it is escaped
_POSITION = (semconv.SEQ, semconv.EPOCH, semconv.ITER, semconv.STEP)
_OF_PROGRESS = (semconv.EPOCH, semconv.ITER)


class Frame(NamedTuple):
    """What differs from one log record to the next, as text: Unix times in nanoseconds, body as JSON, ids as hex."""

    time: str
    observed: str
    body: str
    trace_id: str = ""
    span_id: str = ""


class RecordLines:
    """Lines of records whose tags are all numbers, from a template each kind of record.

    Args:
        limits: What does not fit them is left to the encoder that takes everything.
        faults: Reason -> count, for the body.
        attributes: Key -> AnyValue of an event, the tags behind all others; it counts what it has to cut.
        encode: Event, frame and attributes to a line.
    """

    def __init__(
        self,
        limits: Limits,
        faults: "Counter[str]",
        attributes: Callable[[LogEvent, "Counter[str]"], dict[str, str]],
        encode: Callable[[LogEvent, Frame, Mapping[str, str]], EncodedLine],
    ) -> None:
        self._limits = limits
        self._faults = faults
        self._attributes = attributes
        self._encode = encode
        self._templates: dict[tuple[Any, ...], str] = {}

    def line(self, event: LogEvent, record: Record, observed_ns: int) -> EncodedLine | None:
        """Return the line, or None for an event that is not of that kind."""
        numbers, progress = record.numbers, record.progress
        is_plain = len(numbers) == len(record.tags) and not (
            event.attributes or event.exception or event.code
        )
        if not is_plain or len(event.body) > self._limits.body_chars:
            return None
        template = self._template(event, record)
        if not template:
            return None
        ids = () if event.trace is None else event.trace.hex_ids()
        text = template % (
            event.time_ns,
            observed_ns,
            escape_json(quote(clean(event.body, self._faults))),
            event.seq,
            progress.epoch,
            progress.iter,
            record.step,
            *[text for tag, text in numbers.items() if tag not in _OF_PROGRESS],
            *ids,
        )
        data = text.encode()
        debug = event.level < logging.INFO
        return EncodedLine("logs", data, 1, debug) if len(data) <= self._limits.line_bytes else None

    def _template(self, event: LogEvent, record: Record) -> str:
        """The line for the ``%`` operator; empty if something has to be cut, counted or left out each time."""
        types = tuple(map(type, record.tags.values()))
        flags = None if event.trace is None else event.trace.flags
        kind = (
            tuple(record.tags),
            types,
            record.progress.mode,
            event.level,
            event.logger,
            event.event_name,
            flags,
        )
        template = self._templates.get(kind)
        if template is None:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[kind] = self._make_template(event, record)
        return template

    def _make_template(self, event: LogEvent, record: Record) -> str:
        cut: Counter[str] = Counter()
        attributes = self._attributes(event, cut)
        if cut or len(attributes) > self._limits.attributes or semconv.TAGS_REST in attributes:
            return ""
        tags = [value for tag, value in record.tags.items() if tag not in _OF_PROGRESS]
        keys = list(attributes)[len(attributes) - len(tags) :]
        places = {key: number_value(value, _PLACE) for key, value in zip(keys, tags, strict=True)}
        places.update((key, number_value(0, _PLACE)) for key in _POSITION)
        frame = Frame(_PLACE, _PLACE, _PLACE, _PLACE, _PLACE)
        line = self._encode(event, frame, {key: places.get(key, value) for key, value in attributes.items()})
        return line.data.decode().replace("%", "%%").replace(_PLACE, "%s")
