"""One line of a run's JSON file, read back."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

_POSITION = ("mode", "epoch", "iter", "step", "tags")
_PLACED = frozenset(_POSITION)
_HEAD = frozenset(["ts", "level", "logger", "event", "rank", "run_id", "attempt", "seq", "event_name"])
_HEAD_OF_RECORD = _HEAD.union(_POSITION)
_SPELT = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class Entry(NamedTuple):
    """A log call or a record.

    Attributes:
        time_s: Unix time.
        level: ``INFO`` and so on.
        text: The message.
        rank: Who wrote it.
        run_id: One for all ranks and attempts.
        attempt: 0, then 1 after the first restart.
        seq: Counts the lines of one process.
        logger: Name of the logger.
        event_name: ``mmlog.train.iter`` and so on, or empty.
        mode: Of a record: ``train``, ``val`` or ``test``; else empty.
        epoch: Of a record, else 0.
        iter: Of a record, else 0.
        step: Of a record, else 0.
        tags: Of a record: name -> value; NaN and infinities are floats.
        rest: What else was bound to the call, ``exception`` and ``config`` among it.
    """

    time_s: float
    level: str
    text: str
    rank: int
    run_id: str
    attempt: int
    seq: int
    logger: str = ""
    event_name: str = ""
    mode: str = ""
    epoch: int = 0
    iter: int = 0
    step: int = 0
    tags: Mapping[str, Any] = {}
    rest: Mapping[str, Any] = {}


def parse_entry(line: bytes | str) -> Entry | None:
    """Return what a line says; None for one that is torn, or that another program wrote."""
    try:
        data = json.loads(line)
        record = data if data.keys() >= _PLACED else {}
        head = _HEAD_OF_RECORD if record else _HEAD
        return Entry(
            parse_time(data["ts"]),
            str(data["level"]),
            str(data["event"]),
            int(data["rank"]),
            str(data["run_id"]),
            int(data["attempt"]),
            int(data["seq"]),
            str(data.get("logger", "")),
            str(data.get("event_name", "")),
            str(record.get("mode", "")),
            int(record.get("epoch", 0)),
            int(record.get("iter", 0)),
            int(record.get("step", 0)),
            numbers(record.get("tags", {})),
            {key: value for key, value in data.items() if key not in head},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def parse_time(text: str) -> float:
    """Return the Unix time of ``2026-11-22T15:56:43.440714Z``.

    Raises:
        ValueError: It is not of this form.
    """
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is no time in UTC such as 2026-11-22T15:56:43.440714Z")
    return datetime.fromisoformat(f"{text[:-1]}+00:00").timestamp()


def numbers(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return tags with NaN and infinities as floats, which JSON spells as strings."""
    return {
        name: _SPELT.get(value, value) if isinstance(value, str) else value for name, value in tags.items()
    }


def full_name(mode: str, tag: str) -> str:
    """Return the name of a scalar in all loops: ``train/loss``."""
    return tag if tag.startswith(f"{mode}/") else f"{mode}/{tag}"
