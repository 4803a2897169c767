"""The settings of a run, as it told them itself, and in which of them runs differ."""

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from otel_mmlog.runs.entries import parse_entry
from otel_mmlog.runs.find import Part, Run

_EVENT = b'"event_name": "mmlog.run.config"'
_LOOK_AHEAD_BYTES = 64 * 1024 * 1024
_MAX_CHARS = 40

MISSING: Final = "-"
"""What stands in a table for a setting that a run does not have."""


def read_config(run: Run) -> dict[str, Any]:
    """Return the settings of a run's last attempt, nested ones under dotted names; empty if it told none.

    Raises:
        OSError: A file cannot be read.
    """
    if not run.parts:
        return {}
    for part in reversed(run.parts_of(run.ranks[0])):
        config = _config_of(part)
        if config is not None:
            return flatten(config)
    return {}


def _config_of(part: Part) -> Mapping[str, Any] | None:
    """The last settings among the first lines of a start."""
    with part.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        stop = min(len(data) if part.stop is None else part.stop, part.start + _LOOK_AHEAD_BYTES)
        found = data.rfind(_EVENT, part.start, stop)
        if found < 0:
            return None
        begin = data.rfind(b"\n", part.start, found) + 1 or part.start
        end = data.find(b"\n", found)
        entry = parse_entry(data[begin : end if end >= 0 else len(data)])
    config = entry.rest.get("config") if entry is not None else None
    return config if isinstance(config, dict) else None


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings by dotted names: ``optimizer.lr``, ``hooks.0.type``."""
    return dict(_leaves(config, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, (list, tuple)) and any(isinstance(each, Mapping) for each in value):
        items = list(enumerate(value))
    if not items and name:
        yield name, value
    for key, each in items:
        yield from _leaves(each, f"{name}.{key}" if name else str(key))


def differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the settings that are not the same in all, in the order in which they first occur."""
    names = dict.fromkeys(name for config in configs for name in config)
    return [name for name in names if len({value_text(config, name) for config in configs}) > 1]


def value_text(config: Mapping[str, Any], name: str) -> str:
    """Return a setting as few characters: ``0.001``; `MISSING` if it is not there."""
    if name not in config:
        return MISSING
    value = config[name]
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 3] + "..."
