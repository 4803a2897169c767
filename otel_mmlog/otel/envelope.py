"""The part of a request that never changes: resource and scope around the items of one signal."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otel_mmlog._version import __version__
from otel_mmlog.core.escape import escape_json
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine, Signal
from otel_mmlog.otel.semconv import SCOPE_NAME
from otel_mmlog.otel.values import Values, attributes_json

_MAX_RESOURCE_CHARS = 64 * 1024
_KEYS: dict[Signal, tuple[str, str, str]] = {
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "traces": ("resourceSpans", "scopeSpans", "spans"),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Wraps JSON items of one signal into request lines.

    Attributes:
        signal: Which request it is.
        head: The request up to the first item.
        tail: The request from behind the last item, its newline included.
        line_bytes: Length of a line at most.
    """

    signal: Signal
    head: str
    tail: str
    line_bytes: int

    def line(self, items: Iterable[str], count: int, *, debug: bool = False) -> EncodedLine:
        """Return one line, however long, of `count` points or records."""
        text = f"{self.head}{','.join(items)}{self.tail}"
        return EncodedLine(self.signal, escape_json(text).encode(), count, debug)

    def lines(self, items: list[str]) -> list[EncodedLine]:
        """Return one line of all items, or several where one would be too long."""
        if not items:
            return []
        line = self.line(items, len(items))
        if len(line.data) <= self.line_bytes:
            return [line]
        return [self.line(part, len(part)) for part in self._parts(items)]

    def _parts(self, items: Iterable[str]) -> Iterator[list[str]]:
        room = self.line_bytes - len(escape_json(self.head).encode()) - len(self.tail)
        part: list[str] = []
        used = 0
        for item in items:
            size = len(escape_json(item).encode()) + 1
            if part and used + size > room:
                yield part
                part, used = [], 0
            part.append(item)
            used += size
        yield part


def make_envelope(
    signal: Signal, resource: Mapping[str, Any], limits: Limits, faults: "Counter[str]"
) -> Envelope:
    """Return the envelope of a signal; a resource above 64 KiB is cut, so that lines have room."""
    attributes = _resource_json(resource, limits, faults)
    resources, scopes, items = _KEYS[signal]
    scope = json.dumps({"name": SCOPE_NAME, "version": __version__}, separators=(",", ":"))
    head = f'{{"{resources}":[{{"resource":{{"attributes":[{attributes}]}},"{scopes}":[{{"scope":{scope},"{items}":['
    return Envelope(signal, head, "]}]}]}\n", limits.line_bytes)


def _resource_json(resource: Mapping[str, Any], limits: Limits, faults: "Counter[str]") -> str:
    text = attributes_json(Values(limits, faults).attributes(resource))
    for tighter in limits.tighter():
        if len(text) <= _MAX_RESOURCE_CHARS:
            break
        faults["resource_cut"] += 1
        text = attributes_json(Values(tighter, faults).attributes(resource))
    return text
