"""Journal lines as one request: their contents joined, unread."""

import json
from collections.abc import Iterable, Iterator

from otel_mmlog.sender.types import Signal

_END = b"]}"
_LINE_END = b"]}\n"
LISTS: dict[Signal, str] = {"metrics": "resourceMetrics", "logs": "resourceLogs", "traces": "resourceSpans"}
"""The one field of a signal's requests."""


class MalformedLineError(ValueError):
    """A line is not a request of its signal; no server would take it."""


def splice(signal: Signal, lines: Iterable[bytes]) -> bytes:
    """Return one OTLP JSON request of all lines; what lies between their outermost brackets is not looked at.

    Raises:
        MalformedLineError: A line is not ``{"resourceMetrics":[...]}``, or what its signal has for that.
    """
    name = LISTS[signal]
    start = f'{{"{name}":['.encode()
    pieces: list[bytes | memoryview] = [start]
    for content in _contents(name, start, lines):
        pieces += (content, b",")
    if len(pieces) > 1:
        pieces.pop()
    pieces.append(_END)
    return b"".join(pieces)


def _contents(name: str, start: bytes, lines: Iterable[bytes]) -> Iterator["bytes | memoryview"]:
    for line in lines:
        content: bytes | memoryview
        if line.startswith(start) and line.endswith(_LINE_END):
            content = memoryview(line)[len(start) : -len(_LINE_END)]  # not copied before it is joined
        else:
            content = _reformatted(name, line)
        if content:
            yield content


def _reformatted(name: str, text: bytes) -> bytes:
    """Return the contents of a request that was written with other spaces."""
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        request = None
    groups = request.get(name) if isinstance(request, dict) else None
    if not isinstance(groups, list):
        raise MalformedLineError(f"a line is not an OTLP JSON request with {name!r}")
    return json.dumps(groups, separators=(",", ":"))[1:-1].encode()
