"""The attributes that nearly all spans have, rendered without a walk through their values."""

from collections.abc import Mapping
from typing import Any

from otel_mmlog.otel.values import INT64_MAX, KEY_CHARS, quote

SHORT_ITEMS, SHORT_CHARS = 32, 1024
"""What `short_json` renders at most."""


def short_json(attributes: Mapping[str, Any]) -> str | None:
    """Return the inside of a JSON list of KeyValue, as `Values` would render it; None if it might cut or replace.

    Nearly all spans have a few short ASCII texts and integers, for which this takes a third of the time.
    """
    pairs: list[str] = []
    chars = 0
    for key, value in attributes.items():
        kind = type(value)
        if kind is str and value.isascii():
            text = f'{{"stringValue":{quote(value)}}}'
        elif kind is int and abs(value) <= INT64_MAX:
            text = f'{{"intValue":"{value}"}}'
        else:
            return None
        if not (key.isascii() and 0 < len(key) <= KEY_CHARS):
            return None
        pairs.append(f'{{"key":{quote(key)},"value":{text}}}')
        chars += len(key) + len(text)
    return ",".join(pairs) if len(pairs) <= SHORT_ITEMS and chars <= SHORT_CHARS else None
