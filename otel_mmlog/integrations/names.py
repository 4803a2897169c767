"""What frameworks call their scalars, and what dashboards call them."""

import re
from collections.abc import Mapping
from typing import Any

from otel_mmlog.core.progress import Mode

_PREFIXES: tuple[tuple[str, Mode], ...] = (
    ("train", "train"),
    ("training", "train"),
    ("eval", "val"),
    ("valid", "val"),
    ("validation", "val"),
    ("val", "val"),
    ("test", "test"),
)
_ALIASES = {"learning_rate": "lr", "LR": "lr", "Loss": "loss"}
_MODE_FIRST = re.compile(rf"({'|'.join(name for name, _ in _PREFIXES)})[/_](.+)", re.DOTALL | re.IGNORECASE)
_MODE_LAST = re.compile(rf"(.+)/({'|'.join(name for name, _ in _PREFIXES)})", re.DOTALL | re.IGNORECASE)
_LR_OF_OPTIMIZER = re.compile(r"lr-\w+")
_MODES: Mapping[str, Mode] = dict(_PREFIXES)


def translated(name: str, mode: Mode) -> str:
    """Return a scalar's name with its loop in front.

    ``eval_loss`` and ``Loss/valid`` are ``val/loss``, ``learning_rate`` and ``lr-SGD`` are ``train/lr``.

    Args:
        name: As the framework has it.
        mode: The loop of names that say nothing of one.
    """
    first, last = _MODE_FIRST.fullmatch(name), _MODE_LAST.fullmatch(name)
    if first:
        mode, name = _MODES[first[1].lower()], first[2]
    elif last:
        mode, name = _MODES[last[2].lower()], last[1]
    if _LR_OF_OPTIMIZER.fullmatch(name):
        name = "lr"
    return f"{mode}/{_ALIASES.get(name, name)}"


def translated_all(
    values: Mapping[str, Any], mode: Mode, *, leave_out: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return scalars under their translated names.

    Two that would have one name, such as the rates of two optimizers, keep their own.
    """
    renamed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in leave_out:
            new = translated(str(name), mode)
            renamed[f"{mode}/{name}" if new in renamed else new] = value
    return renamed


def mode_named(folder: str) -> Mode | None:
    """Return the loop that a folder is named after, or None."""
    return _MODES.get(folder.lower())
