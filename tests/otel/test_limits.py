import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.otel.limits import Limits, read_limits


def test_without_variables_the_defaults_hold() -> None:
    """128 attributes, values of 4096 characters; an empty variable is an unset one."""
    assert read_limits({}) == read_limits({"OTEL_ATTRIBUTE_COUNT_LIMIT": ""}) == Limits()


def test_the_variable_for_log_records_wins() -> None:
    """The general limit counts only where there is no special one."""
    environ = {"OTEL_ATTRIBUTE_COUNT_LIMIT": "9", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "5"}
    assert read_limits(environ).attributes == 5
    assert read_limits({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7"}).value_chars == 7
    assert read_limits({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7"}).stacktrace_chars == 7


@pytest.mark.parametrize("text", ["-1", "many", "1.5"])
def test_a_limit_that_is_no_count_is_an_error(text: str) -> None:
    """It names the variable and what it holds."""
    with pytest.raises(ConfigError, match=f"OTEL_ATTRIBUTE_COUNT_LIMIT is '{text}'"):
        read_limits({"OTEL_ATTRIBUTE_COUNT_LIMIT": text})


def test_tighter_limits_are_never_wider() -> None:
    """A limit that the user made small stays small."""
    small = Limits(value_chars=3, body_chars=5, attributes=2)
    for limits in small.tighter():
        assert (limits.value_chars, limits.body_chars, limits.attributes) == (3, 5, 2)
