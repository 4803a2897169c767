"""One line of a journal: whose request it is, how many items are in it, and from when they are."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel_mmlog.sender.types import Signal


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the requests of one signal look.

    Attributes:
        lists: Keys of the lists around the items.
        item_key: A JSON key that every item has once. Text cannot contain it: its quotes are escaped there.
        twin_key: The key of something else that has ``item_key`` as well, or None.
        time_key: The key of an item's time, in nanoseconds.
    """

    lists: tuple[str, str, str]
    item_key: bytes
    twin_key: bytes | None
    time_key: bytes

    @property
    def head(self) -> bytes:
        """How lines begin."""
        return f'{{"{self.lists[0]}":['.encode()


_SHAPES: Final[Mapping[Signal, _Shape]] = {
    "metrics": _Shape(
        ("resourceMetrics", "scopeMetrics", "metrics"),
        item_key=b'"timeUnixNano":',
        twin_key=b'"exemplars":',
        time_key=b'"timeUnixNano":',
    ),
    "logs": _Shape(
        ("resourceLogs", "scopeLogs", "logRecords"),
        item_key=b'"timeUnixNano":',
        twin_key=None,
        time_key=b'"timeUnixNano":',
    ),
    "traces": _Shape(
        ("resourceSpans", "scopeSpans", "spans"),
        item_key=b'"spanId":',
        twin_key=b'"links":',
        time_key=b'"endTimeUnixNano":',  # a span is as old as its end: it left no earlier
    ),
}
_START_BYTES: Final = min(len(shape.head) for shape in _SHAPES.values()) - 3
_BY_START: Final = {
    shape.head[:_START_BYTES]: (signal, shape.head, shape.item_key) for signal, shape in _SHAPES.items()
}
_BY_KEY: Final = {shape.lists[0]: signal for signal, shape in _SHAPES.items()}
_TAIL: Final = b"]}]}]}\n"
_DIGITS: Final = 19
_TIME_NS: Final = re.compile(rb'\s*"?(\d{1,19})\b')


class NotARequestError(ValueError):
    """A line is torn, corrupt or something else."""


def signal_of(line: bytes) -> Signal | None:
    """Whose request a line is, or None for one without items.

    What begins and ends as a journal writes it is not parsed: a line that was cut short does not. What looks
    different is parsed.

    Args:
        line: With its newline; text in UTF-8 without NUL (see `is_text`).

    Raises:
        NotARequestError: The line is no OTLP JSON request.
    """
    known = _BY_START.get(line[:_START_BYTES])
    if known is not None and line.endswith(_TAIL):
        signal, head, item_key = known
        if line.startswith(head) and item_key in line:
            return signal
    return parsed_signal_of(line)


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8 without NUL, which a crash of the machine may leave where lines were."""
    if b"\0" in data:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def count_items(signal: Signal, line: bytes) -> int:
    """Points, log records or spans in a line that `signal_of` took."""
    shape = _SHAPES[signal]
    count = line.count(shape.item_key)
    if count and (shape.twin_key is None or shape.twin_key not in line):
        return count
    try:
        return _count_parsed(signal, _parsed(line))
    except NotARequestError:
        return count


def times_ns(signal: Signal, line: bytes) -> tuple[int, int] | None:
    """Unix times of the first and the last item, the earlier one first; None if they have none."""
    key = _SHAPES[signal].time_key
    first = line.find(key)
    if first < 0:
        return None
    last = line.rfind(key)
    one = _time_ns(line, first + len(key))
    other = one if last == first else _time_ns(line, last + len(key))
    return (min(one, other), max(one, other)) if one and other else None


def _time_ns(line: bytes, start: int) -> int:
    digits = line[start + 1 : start + 1 + _DIGITS]
    if digits.isdigit() and line[start + 1 + _DIGITS : start + 2 + _DIGITS] == b'"':
        return int(digits)  # as every request of this century is written
    match = _TIME_NS.match(line, start)
    return int(match[1]) if match else 0


def parsed_signal_of(line: bytes) -> Signal | None:
    """What `signal_of` returns, of a line that may be anything in between.

    Raises:
        NotARequestError: The line is no OTLP JSON request.
    """
    request = _parsed(line)
    if not (isinstance(request, dict) and len(request) == 1):
        raise NotARequestError("not an object with one key")
    signal = _BY_KEY.get(next(iter(request)))
    if signal is None:
        raise NotARequestError("not an OTLP request")
    return signal if _count_parsed(signal, request) else None


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotARequestError(f"not JSON: {error}") from None


def _refuse(constant: str) -> None:
    """JSON has no NaN; OTLP writes it as a string."""
    raise ValueError(f"{constant} is not JSON")


def _count_parsed(signal: Signal, request: Any) -> int:
    try:
        items = list(_items(request, *_SHAPES[signal].lists))
        return sum(_points_of(item) for item in items) if signal == "metrics" else len(items)
    except (AttributeError, KeyError, TypeError) as error:
        raise NotARequestError(f"not an OTLP request: {error!r}") from None


def _items(request: Any, by_resource: str, by_scope: str, items: str) -> Iterator[Any]:
    for group in request[by_resource]:
        for scope_group in group.get(by_scope, ()):
            yield from scope_group.get(items, ())


def _points_of(metric: Any) -> int:
    """Data points of a metric, whatever kind it is."""
    return sum(len(data.get("dataPoints", ())) for data in metric.values() if isinstance(data, dict))
