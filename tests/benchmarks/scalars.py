"""The scalars that the benchmarks log, and histories that are long already."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

HISTORIES = (1_000, 100_000, 1_000_000)

EIGHT = {
    "lr": 0.01,
    "loss": 1.7388,
    "loss_cls": 0.8381,
    "loss_bbox": 0.9007,
    "loss_mask": 0.25,
    "grad_norm": 3.5,
    "acc": 91.25,
    "momentum": 0.9,
}
"""What a step logs, where only how many matters."""

TIMES = ("data_time", "time")


def keys(names: Iterable[str]) -> list[str]:
    """Return the hub's names of a train loop's scalars."""
    return [f"train/{name}" for name in names]


def varied_steps(names: Sequence[str], count: int = 97) -> list[dict[str, float]]:
    """Return what so many steps log: numbers of 17 digits, as losses are, which take longest to write."""
    values = np.random.default_rng(1).random((count, len(names))).tolist()
    return [dict(zip(names, row, strict=True)) for row in values]


def prefill(hub: Any, names: Sequence[str], length: int, history: Callable[[Any, Any], Any]) -> None:
    """Put histories of this length in the place of those that the hub has, of ours or of mmengine's.

    Args:
        hub: A message hub.
        names: The hub's names of the scalars.
        length: Values in each history.
        history: The class of the histories.
    """
    values, ones = _values(length)
    for name in names:
        hub.update_scalar(name, 0.5)
        hub.log_scalars[name] = history(values, ones)


@lru_cache
def _values(length: int) -> tuple[Any, Any]:
    return np.random.default_rng(0).random(length), np.ones(length, dtype=np.int64)


def label(length: int) -> str:
    """Return a history's length as ``1e5``."""
    return f"1e{len(str(length)) - 1}"
