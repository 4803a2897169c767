"""Checks of arguments that several parts share."""

from collections.abc import Mapping
from typing import TypeVar

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import shown

Choice = TypeVar("Choice", bound=str)


def check_count(value: object, name: str, minimum: int = 1) -> int:
    """Return a whole number.

    Raises:
        ConfigError: It is none, or less than ``minimum``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return value
    raise ConfigError(f"{name} is {shown(value)}, but it is a whole number of at least {minimum}.")


def check_flag(value: object, name: str) -> bool:
    """Return True or False.

    Raises:
        ConfigError: It is neither.
    """
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{name} is {shown(value)}, but it is True or False.")


def check_choice(value: object, name: str, choices: Mapping[Choice, str]) -> Choice:
    """Return one of some words.

    Args:
        value: What was given.
        name: Of the argument.
        choices: Each word, and what it means.

    Raises:
        ConfigError: It is none of them.
    """
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    meanings = [f"{choice!r} ({meaning})" for choice, meaning in choices.items()]
    raise ConfigError(f"{name} is {shown(value)}, but it is {', '.join(meanings[:-1])} or {meanings[-1]}.")
