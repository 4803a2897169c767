"""Journal lines for tests, and a reader that shares no code with the package's."""

import json
from pathlib import Path

from otel_mmlog.otel.lines import EncodedLine, Signal

_PATHS = {
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "traces": ("resourceSpans", "scopeSpans", "spans"),
}


def line(
    signal: Signal, mark: str, *, items: int = 1, pad_bytes: int = 0, debug: bool = False
) -> EncodedLine:
    """A line of one signal that can be told from others by its mark."""
    outer, inner, leaf = _PATHS[signal]
    request = {outer: [{inner: [{leaf: [{"name": mark, "pad": "x" * pad_bytes}]}]}]}
    return EncodedLine(signal, json.dumps(request).encode() + b"\n", items, debug)


def marks_in(data: bytes) -> list[str]:
    """The marks of the whole lines in a segment's bytes, in order; anything else is passed over."""
    marks = []
    for piece in data.split(b"\n"):
        try:
            request = json.loads(piece)
            for outer, inner, leaf in _PATHS.values():
                marks += [
                    item["name"] for g in request.get(outer, []) for s in g[inner] for item in s.get(leaf, [])
                ]
        except (ValueError, AttributeError, KeyError, TypeError):
            continue
    return marks


def marks(folder: Path) -> list[str]:
    """The marks in all segments of a folder, in the order of the files' names."""
    return [mark for path in sorted(folder.glob("*.jsonl*")) for mark in marks_in(path.read_bytes())]
