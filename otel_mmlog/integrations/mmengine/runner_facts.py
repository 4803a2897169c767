"""What a `Runner` that is being built already knows, and where it has put it."""

import logging
import sys
from pathlib import Path
from typing import Any

from otel_mmlog.core.errors import LevelError

_ABSENT = object()


def experiment_of(runner: Any) -> str:
    """The experiment's name without MMEngine's timestamp; that of the folder where it has none."""
    name = str(runner.experiment_name).removesuffix(str(runner.timestamp)).rstrip("_")
    if name.strip() and name.isprintable():
        return name
    folder = Path(runner.work_dir).name
    return folder if folder.strip() and folder.isprintable() else "run"


def asked_to_resume(runner: Any) -> bool:
    """Whether the runner is to resume; where it has not yet said so, as its constructor was called."""
    resume = getattr(runner, "_resume", _ABSENT)
    if resume is _ABSENT:
        resume = constructor_argument(runner, "resume", runner.cfg.get("resume", False))
    return bool(resume)


def constructor_argument(runner: Any, name: str, default: Any) -> Any:
    """An argument of the constructor that runs right now: it is kept on the runner only later, if at all."""
    frame = sys._getframe(1)
    while frame is not None:
        values = frame.f_locals
        if frame.f_code.co_name == "__init__" and values.get("self") is runner and name in values:
            return values[name]
        if frame.f_back is None:
            break
        frame = frame.f_back
    return default


def level_name(log_level: Any) -> Any:
    """MMEngine's name of a level that was written in any case; numbers as they are.

    Raises:
        LevelError: There is no such level (also a `KeyError`, as in MMEngine).
    """
    if not isinstance(log_level, str):
        return log_level
    name = log_level.strip().upper()
    if name in logging._nameToLevel:
        return name
    raise LevelError(
        f"log_level is {log_level!r}, but a log level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL (any case)."
    )


def level_number(log_level: Any) -> int:
    """A level as a number from 1 to 50: MMEngine's NOTSET shows everything."""
    number = logging._nameToLevel[level_name(log_level)] if isinstance(log_level, str) else int(log_level)
    return min(max(number, 1), logging.CRITICAL)
