"""Names and numbers of log levels."""

import logging

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.pipeline.levels import parse_level


@pytest.mark.parametrize(
    ("value", "level"),
    [("debug", 10), (" Info ", 20), ("WARN", 30), ("Warning", 30), ("fatal", 50), ("15", 15), (15, 15)],
)
def test_names_in_any_case_and_numbers(value: str | int, level: int) -> None:
    """A level is a name of the stdlib in any case, or a number."""
    assert parse_level(value, "log_level") == level


def test_stdlib_levels_keep_their_numbers() -> None:
    """Each of the five names is the stdlib's level."""
    for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        assert parse_level(name, "log_level") == getattr(logging, name)


@pytest.mark.parametrize("value", ["", "loud", "-1", "0", "51", "1.5", 0, -1, 51, True, None, 1.5])
def test_anything_else_is_named_with_the_levels(value: object) -> None:
    """The error says what it got and lists what is allowed."""
    with pytest.raises(ConfigError, match=r"here is .*DEBUG, INFO, WARNING, ERROR, CRITICAL"):
        parse_level(value, "here")  # type: ignore[arg-type]  # what a user may pass all the same
