"""Log levels: the names that a user may write, in any case."""

import logging

from otel_mmlog.core.errors import LevelError
from otel_mmlog.core.shown import shown

_LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
    "FATAL": logging.CRITICAL,
}


def method_level(name: str) -> int:
    """The level of a logger's method: ``info``, ``exception``, ...; INFO for one that is not the stdlib's."""
    return logging.ERROR if name == "exception" else _LEVELS.get(name.upper(), logging.INFO)


def parse_level(value: str | int, where: str) -> int:
    """Turn a level's name or number into the stdlib's number.

    Args:
        value: ``"debug"``, ``"INFO"``, ``20``, ...
        where: What the value was read from, for the error.

    Raises:
        LevelError: The value is no level (a `ConfigError`, and a `KeyError` as in MMEngine).
    """
    if isinstance(value, str):
        text = value.strip()
        if text.upper() in _LEVELS:
            return _LEVELS[text.upper()]
        value = int(text) if text.isdecimal() else -1
        if value < 0:
            raise _error(where, text)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= logging.CRITICAL:
        raise _error(where, value)
    return value


def _error(where: str, value: object) -> LevelError:
    return LevelError(
        f"{where} is {shown(value)}, but a log level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL (any case), "
        "or a number from 1 to 50."
    )
