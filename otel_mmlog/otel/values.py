"""Any Python value as an OTLP AnyValue: what cannot be encoded costs itself, never its record."""

import base64
import datetime
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import Any, TypeAlias

from otel_mmlog.core.keys import free_key
from otel_mmlog.core.record import number_json
from otel_mmlog.otel.limits import Limits

Plain: TypeAlias = "bool | int | float | str | bytes | list[Plain] | dict[str, Plain] | None"
"""What OTLP can say: integers fit 64 bits, strings have UTF-8."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
KEY_CHARS = 256
_STRINGS_A_VALUE = 4  # a nested value has as many characters as so many strings
_MAX_INT_BITS = 4096  # Python refuses to print integers above 4300 digits
_SURROGATE = re.compile("[\ud800-\udfff]")

quote = json.encoder.encode_basestring
"""A clean string as a JSON string."""


def clean(text: str, faults: "Counter[str] | None" = None) -> str:
    """Replace what has no UTF-8: lone surrogates, as from undecodable file names; counted in ``faults``."""
    if text.isascii():
        return text
    cleaned, replaced = _SURROGATE.subn("\ufffd", text)
    if replaced and faults is not None:
        faults["value_replaced"] += 1
    return cleaned


class Values:
    """Encodes values within limits, and counts what it had to leave out.

    Args:
        limits: Bounds of a value.
        faults: Reason -> count, shared with the owner: ``unprintable``; ``value_cut`` and ``key_cut`` for what is too
            long; ``value_replaced`` for what OTLP cannot say, as integers above 64 bits; ``empty_key``.
    """

    def __init__(self, limits: Limits, faults: "Counter[str]") -> None:
        self._limits = limits
        self._faults = faults

    def any_value(self, value: Any) -> str:
        """Return the AnyValue as JSON; ``{}`` for None, which is OTLP's empty value."""
        kind = type(value)
        if kind is str:
            return f'{{"stringValue":{quote(self.text(value))}}}'
        if kind is int and INT64_MIN <= value <= INT64_MAX:
            return f'{{"intValue":"{value}"}}'
        if kind is float and math.isfinite(value):
            return f'{{"doubleValue":{value!r}}}'
        return plain_json(self.plain(value))

    def plain(self, value: Any) -> Plain:
        """Return the value as plain data of bounded size; never raises."""
        try:
            return _Walk(self._limits, self._faults).plain(value, 0)
        except Exception as error:  # noqa: BLE001 - a user's object may raise anything; it is counted
            return self._placeholder(value, error)

    def attributes(self, attributes: Mapping[Any, Any]) -> dict[str, Plain]:
        """Return attributes as plain data, keys as strings; how many may stay is the caller's to say."""
        plain: dict[str, Plain] = {}
        for key, value in attributes.items():
            name = self.key(key)
            if name:
                name = free_key(name, plain) if name in plain else name
                plain[name] = self.text(value) if type(value) is str else self.plain(value)
        return plain

    def text(self, text: str) -> str:
        """Return a string of bounded length that has UTF-8."""
        if text.isascii() and len(text) <= self._limits.value_chars:
            return text
        if len(text) > self._limits.value_chars:
            self._faults["value_cut"] += 1
            text = text[: self._limits.value_chars]
        return clean(text, self._faults)

    def key(self, key: Any) -> str:
        """Return an attribute's key as a string; the empty one, counted, cannot be used."""
        if type(key) is str and key.isascii() and 0 < len(key) <= KEY_CHARS:
            return key
        text = key if type(key) is str else str(self.plain(key))
        if not text:
            self._faults["empty_key"] += 1
        return _cut_key(text, self._faults)

    def _placeholder(self, value: Any, error: Exception) -> str:
        self._faults["unprintable"] += 1
        return clean(f"<unprintable {type(value).__name__}: {type(error).__name__}>")


class _Walk:
    """One value's descent: the elements that are left, and the containers on the way (for cycles)."""

    def __init__(self, limits: Limits, faults: "Counter[str]") -> None:
        self._limits = limits
        self._faults = faults
        self._left = limits.nodes
        self._chars_left = _STRINGS_A_VALUE * limits.value_chars
        self._path: set[int] = set()

    def plain(self, value: Any, depth: int) -> Plain:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            return self._integer(int.__index__(value))
        if isinstance(value, float):
            return float.__float__(value)
        return self._compound(value, depth)

    def _compound(self, value: Any, depth: int) -> Plain:
        if isinstance(value, (bytes, bytearray, memoryview)):
            if len(value) > self._limits.value_chars:
                self._faults["value_cut"] += 1
            return bytes(value[: self._limits.value_chars])
        if isinstance(value, (Mapping, Sequence, Set)):
            return self._container(value, depth)
        if hasattr(value, "tolist") and hasattr(value, "shape"):
            return self._array(value, depth)
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        return self._text(str(value))

    def _integer(self, value: int) -> int | str:
        if INT64_MIN <= value <= INT64_MAX:
            return value
        self._faults["value_replaced"] += 1
        return str(value) if value.bit_length() <= _MAX_INT_BITS else f"<int of {value.bit_length()} bits>"

    def _text(self, text: str) -> str:
        room = min(self._limits.value_chars, self._chars_left)
        if len(text) > room:
            self._faults["value_cut"] += 1
            text = text[:room]
        self._chars_left -= len(text)
        return clean(text, self._faults)

    def _container(self, value: "Mapping[Any, Any] | Sequence[Any] | Set[Any]", depth: int) -> Plain:
        if id(value) in self._path:
            self._faults["value_replaced"] += 1
            return "<cycle>"
        if depth >= self._limits.depth or self._left <= 0:
            self._faults["value_cut"] += 1
            return f"<{type(value).__name__} of {len(value)}>"
        self._path.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            return [self._element(item, depth) for item in self._take(value)]
        finally:
            self._path.discard(id(value))

    def _mapping(self, value: "Mapping[Any, Any]", depth: int) -> dict[str, Plain]:
        plain: dict[str, Plain] = {}
        for key in self._take(value):
            plain[free_key(self._key(key), plain)] = self._element(value[key], depth)
        return plain

    def _take(self, container: "Mapping[Any, Any] | Sequence[Any] | Set[Any]") -> "islice[Any]":
        count = min(len(container), self._left)
        if count < len(container):
            self._faults["value_cut"] += 1
        self._left -= count
        return islice(container, count)

    def _element(self, value: Any, depth: int) -> Plain:
        """An element, for which there is half of the room at most where it has siblings at the top."""
        nodes, chars = (self._left // 2, self._chars_left // 2) if depth == 0 else (0, 0)
        self._left -= nodes
        self._chars_left -= chars
        try:
            return self.plain(value, depth + 1)
        except Exception as error:  # noqa: BLE001 - costs the element, not its container; it is counted
            self._faults["unprintable"] += 1
            return clean(f"<unprintable {type(value).__name__}: {type(error).__name__}>")
        finally:
            self._left += nodes
            self._chars_left += chars

    def _key(self, key: Any) -> str:
        text = key if isinstance(key, str) else str(key)
        self._chars_left -= min(len(text), self._chars_left)
        return _cut_key(text, self._faults)

    def _array(self, value: Any, depth: int) -> Plain:
        """Read numpy arrays and scalars, torch tensors and what looks like them."""
        size = math.prod(value.shape)
        if size > self._left:
            self._faults["value_cut"] += 1
            return clean(f"<{type(value).__name__} of shape {tuple(value.shape)}, {value.dtype}>")
        listed = value.tolist()
        if type(listed) is type(value):  # numpy.longdouble lists as itself
            return self._text(str(value))
        return self.plain(listed, depth)


def _cut_key(text: str, faults: "Counter[str]") -> str:
    if len(text) > KEY_CHARS:
        faults["key_cut"] += 1
        text = text[:KEY_CHARS]
    return clean(text, faults)


def number_value(value: int | float, text: str) -> str:
    """Return the AnyValue of a number, of at most 64 bits if it is an int, that is written as ``text`` already."""
    return f'{{"intValue":"{text}"}}' if type(value) is int else f'{{"doubleValue":{text}}}'


def plain_json(value: Plain) -> str:
    """Return the AnyValue of plain data as JSON."""
    if value is None:
        return "{}"
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, str):
        return f'{{"stringValue":{quote(value)}}}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{number_json(value)}}}'
    if isinstance(value, bytes):
        return f'{{"bytesValue":"{base64.b64encode(value).decode()}"}}'
    if isinstance(value, dict):
        return f'{{"kvlistValue":{{"values":[{attributes_json(value)}]}}}}' if value else '{"kvlistValue":{}}'
    return (
        f'{{"arrayValue":{{"values":[{",".join(map(plain_json, value))}]}}}}'
        if value
        else '{"arrayValue":{}}'
    )


def attributes_json(attributes: Mapping[str, Plain]) -> str:
    """Return plain attributes as the inside of a JSON list of KeyValue."""
    return ",".join(
        f'{{"key":{quote(key)},"value":{plain_json(value)}}}' for key, value in attributes.items()
    )
