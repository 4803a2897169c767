"""Random values for the encoders, and a reader of OTLP JSON that knows its ids are hex."""

import base64
import json
import math
from typing import Any, TypeVar

from google.protobuf.json_format import Parse  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from hypothesis import strategies as st

M = TypeVar("M", bound=Message)
_IDS = ("traceId", "spanId", "parentSpanId")

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEY = TEXT.filter(bool)
FLOATS = st.floats()
SCALARS = st.one_of(st.booleans(), INT64, FLOATS, TEXT)
VALUES = st.recursive(
    st.one_of(st.none(), SCALARS, st.binary(max_size=20)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(KEY, VALUES, max_size=5)
TIMES_NS = st.integers(1, 2**63 - 1)
TRACE_IDS = st.integers(1, 2**128 - 1)
SPAN_IDS = st.integers(1, 2**64 - 1)


def parse(line: bytes, message: M) -> M:
    """Fill a protobuf message from a line of OTLP JSON; protobuf's own reader takes ids for base64."""
    parsed: M = Parse(json.dumps(_base64_ids(json.loads(line))), message)
    return parsed


def normal(message: Message) -> Any:
    """Return a message in a form that compares: NaN equals NaN, and lists of attributes are in order."""
    return json.loads(json.dumps(_sorted(_fields(message))))


def _base64_ids(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode() if key in _IDS else _base64_ids(value)
            for key, value in node.items()
        }
    return [_base64_ids(item) for item in node] if isinstance(node, list) else node


def _fields(node: Any) -> Any:
    """Walk the set fields of a message; unlike its JSON form, nothing is left out or translated."""
    if isinstance(node, Message):
        return {field.name: _fields(value) for field, value in node.ListFields()}
    if isinstance(node, (str, int, bool)):
        return node
    if isinstance(node, float):
        return "nan" if math.isnan(node) else node.hex()
    return node.hex() if isinstance(node, bytes) else [_fields(item) for item in node]


def _sorted(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _by_key(_sorted(value)) if key == "attributes" else _sorted(value)
            for key, value in node.items()
        }
    return [_sorted(item) for item in node] if isinstance(node, list) else node


def _by_key(pairs: Any) -> Any:
    return sorted(pairs, key=lambda pair: str(pair.get("key", "")))
