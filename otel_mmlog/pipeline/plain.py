"""Any Python value as plain JSON data: one value that cannot be written costs itself, not its event."""

import itertools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from otel_mmlog.core.escape import escape_json

_MAX_DEPTH = 8
_MAX_ITEMS = 1000
_MAX_TEXT = 4096
_MAX_VISITS = 10_000
_MAX_INT = 10**1000  # Python refuses to write ints of more than 4300 digits
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def plain(value: Any) -> Any:
    """Return ``value`` as JSON data: NaN and infinities as the strings ``NaN``, ``Infinity``, ``-Infinity``."""
    return _plain(value, 0, itertools.count().__next__)


def _plain(value: Any, depth: int, visit: Callable[[], int]) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and -_MAX_INT < value < _MAX_INT:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _not_finite(value)
    try:
        return _container(value, depth, visit)
    except Exception as error:  # noqa: BLE001 - any __str__ may raise anything; the text says what it was
        return f"<unprintable {type(value).__name__}: {type(error).__name__}>"


def to_json(value: Any) -> str:
    """Return a value as one line of strict JSON, without raw control characters or Unicode line ends."""
    try:
        text = _encode(value)
    except Exception:  # noqa: BLE001 - a value of any type may raise anything; it then costs itself only
        text = _encode(plain(value))
    text = escape_json(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _container(value: Any, depth: int, visit: Callable[[], int]) -> Any:
    if depth >= _MAX_DEPTH or visit() >= _MAX_VISITS:  # a cycle has no end
        return "<too deep or too much>"
    if isinstance(value, Mapping):
        items = list(value.items())[:_MAX_ITEMS]
        return {_key(key, visit): _plain(item, depth + 1, visit) for key, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1, visit) for item in list(value)[:_MAX_ITEMS]]
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        size = math.prod(value.shape)
        if size > _MAX_ITEMS:
            return f"<{type(value).__name__} of {size} values>"
        return _plain(value.tolist(), depth + 1, visit)
    if isinstance(value, (bytes, bytearray)):
        return repr(bytes(value[:_MAX_TEXT]))
    return str(value)[:_MAX_TEXT]


def _key(key: Any, visit: Callable[[], int]) -> str:
    return key if isinstance(key, str) else str(_plain(key, 0, visit))
