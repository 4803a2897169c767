"""Checks of arguments that several parts share."""

from otel_mmlog.core.errors import ConfigError


def check_count(value: object, name: str, minimum: int = 1) -> int:
    """Return a whole number.

    Raises:
        ConfigError: It is none, or less than ``minimum``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return value
    raise ConfigError(f"{name} is {value!r}, but it is a whole number of at least {minimum}.")
