"""The rules of custom_cfg: every mistake is told at construction."""

from collections.abc import Iterator
from typing import Any

import pytest

from otel_mmlog.core.errors import ConfigError, RuleError, RuleTypeError, UnknownStatisticError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.record import CURRENT, Source
from otel_mmlog.core.window import WindowLengths, check_methods, parse_rules

GOOD: dict[str, Any] = {"data_src": "loss", "method_name": "mean"}


@pytest.fixture
def registered() -> Iterator[None]:
    """A statistic ``weighted(self, window_size, weight)``, forgotten afterwards."""

    def weighted(self: HistoryBuffer, window_size: int, weight: float) -> float:
        return float(self.mean(window_size)) * weight

    HistoryBuffer.register_statistics(weighted)
    yield
    del HistoryBuffer._statistics_methods["weighted"]


def test_rule() -> None:
    """An entry becomes a rule; its name defaults to its source."""
    (rule,) = parse_rules([{**GOOD, "window_size": 20}], by_epoch=True)
    assert (rule.data_src, rule.log_name, rule.method_name, rule.window_size) == ("loss", "loss", "mean", 20)
    assert rule.source == Source("mean", "20")
    assert parse_rules(None, by_epoch=True) == ()


@pytest.mark.parametrize(
    ("window", "length", "label"), [("epoch", 4, "epoch"), ("global", 30, "global"), (7, 7, "7")]
)
def test_windows(window: Any, length: int, label: str) -> None:
    """Named windows become their lengths, and keep their names as sources."""
    (rule,) = parse_rules([{**GOOD, "window_size": window}], by_epoch=True)
    assert rule.call_arguments(WindowLengths(4, 30)) == {"window_size": length}
    assert rule.with_lengths(WindowLengths(4, 30)).window_size == length
    assert rule.source.window == label


@pytest.mark.parametrize("by_epoch", [True, False])
def test_no_window(by_epoch: bool) -> None:
    """Without a window a rule reads all values, also with by_epoch=False."""
    (rule,) = parse_rules([GOOD], by_epoch=by_epoch)
    assert rule.call_arguments(WindowLengths(4, 30)) == {}
    assert rule.source == Source("mean", "global")


def test_current_ignores_its_window() -> None:
    """The latest value is the same in any window, so `current` may have one."""
    (rule,) = parse_rules([{**GOOD, "method_name": "current", "window_size": 5}], by_epoch=True)
    assert rule.call_arguments(WindowLengths(4, 30)) == {}
    assert rule.source is CURRENT


@pytest.mark.parametrize(
    ("entry", "error", "words"),
    [
        ({"method_name": "mean"}, RuleError, ["custom_cfg[1]", "'data_src'"]),
        ({"data_source": "loss", "method_name": "mean"}, RuleError, ["'data_src'", "is 'data_source' meant"]),
        ({"data_src": "loss"}, RuleError, ["'method_name'", "'mean'", "'current'"]),
        ({"data_src": "loss", "method": "mean"}, RuleError, ["'method_name'", "is 'method' meant"]),
        ("loss", RuleTypeError, ["custom_cfg[1]", "dict", "'loss'"]),
        ({**GOOD, "data_src": 3}, RuleTypeError, ["data_src", "3"]),
        ({**GOOD, "data_src": ""}, RuleError, ["data_src", "empty"]),
        ({**GOOD, "log_name": None}, RuleTypeError, ["log_name", "None"]),
        ({**GOOD, "method_name": max}, RuleTypeError, ["method_name"]),
        ({**GOOD, "window_size": -1}, RuleError, ["window_size", "-1", "'epoch'", "'global'"]),
        ({**GOOD, "window_size": 0}, RuleError, ["window_size", "0"]),
        ({**GOOD, "window_size": True}, RuleTypeError, ["window_size", "True"]),
        ({**GOOD, "window_size": 2.5}, RuleTypeError, ["window_size", "2.5"]),
        ({**GOOD, "window_size": "all"}, RuleTypeError, ["window_size", "'all'", "'global'"]),
        ({**GOOD, "window": 5}, RuleTypeError, ["'window'", "did you mean 'window_size'"]),
        ({**GOOD, "weight": 5}, RuleTypeError, ["'weight'", "'mean' does not take"]),
        ({**GOOD, "method_name": "current", "x": 5}, RuleTypeError, ["'x'", "'current' does not take"]),
        ({**GOOD, "log_name": "first"}, RuleError, ["custom_cfg[1]", "custom_cfg[0]", "'first'", "log_name"]),
    ],
)
def test_mistakes(entry: Any, error: type[Exception], words: list[str]) -> None:
    """A mistake names the entry, the key, what it got, what is allowed and what to do."""
    with pytest.raises(error) as caught:
        parse_rules([{**GOOD, "log_name": "first"}, entry], by_epoch=True)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert isinstance(caught.value, (ConfigError, ValueError))
    assert isinstance(caught.value, AssertionError)


def test_epoch_without_epochs() -> None:
    """The window 'epoch' has no meaning with by_epoch=False, which is said with the ways out."""
    with pytest.raises(RuleError, match=r"custom_cfg\[0\].*'epoch'.*by_epoch=False.*use"):
        parse_rules([{**GOOD, "window_size": "epoch"}], by_epoch=False)


@pytest.mark.parametrize("config", [{"data_src": "loss"}, "loss", 3])
def test_config_is_a_list(config: Any) -> None:
    """Anything but a list of entries is told with an example."""
    with pytest.raises(RuleTypeError, match=r"must be a list of dicts.*data_src='loss'"):
        parse_rules(config, by_epoch=True)


def test_two_sources_one_name() -> None:
    """Rules on different sources cannot write one tag either."""
    with pytest.raises(RuleError, match="'x'"):
        parse_rules([{**GOOD, "log_name": "x"}, {**GOOD, "data_src": "acc", "log_name": "x"}], by_epoch=True)


@pytest.mark.usefixtures("registered")
def test_registered_arguments() -> None:
    """A registered statistic gets the other keys of its entry."""
    entry = {"data_src": "loss", "method_name": "weighted", "window_size": 2, "weight": 10}
    (rule,) = parse_rules([entry], by_epoch=True)
    check_methods([rule], HistoryBuffer._statistics_methods)
    history = HistoryBuffer([1, 2, 3], [1, 1, 1])
    assert history.statistics(rule.method_name, **rule.call_arguments(WindowLengths(1, 1))) == 25


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "arguments", [{}, {"weight": 1}, {"window_size": 1}, {"window_size": 1, "weigth": 2}]
)
def test_wrong_arguments(arguments: dict[str, Any]) -> None:
    """A registered statistic that cannot be called as its entry says is told when training starts."""
    rules = parse_rules([{"data_src": "loss", "method_name": "weighted", **arguments}], by_epoch=True)
    with pytest.raises(RuleTypeError, match=r"custom_cfg\[0\] cannot call 'weighted'.*argument"):
        check_methods(rules, HistoryBuffer._statistics_methods)


def test_unknown_method() -> None:
    """A method may be registered until training starts; then an unknown one is told, with the nearest."""
    rules = parse_rules([{**GOOD, "method_name": "madian"}], by_epoch=True)
    with pytest.raises(UnknownStatisticError, match=r"custom_cfg\[0\].*'madian'.*did you mean") as caught:
        check_methods(rules, {"mean": HistoryBuffer.mean, "median": HistoryBuffer.mean})
    assert isinstance(caught.value, KeyError)
    assert "'mean', 'median'" in str(caught.value)
    check_methods(rules, {"madian": HistoryBuffer.mean})


def test_source_with_a_loop() -> None:
    """A source may name its loop; there it is read without that."""
    (rule,) = parse_rules([{**GOOD, "data_src": "val/acc"}], by_epoch=True)
    assert (rule.for_mode("val").data_src, rule.for_mode("val").log_name) == ("acc", "acc")
    assert rule.for_mode("train") is rule


class Unreadable(dict[str, Any]):
    """A mapping that cannot be looked through."""

    def __iter__(self) -> Any:
        raise RuntimeError("no")

    keys = __iter__


class Unshown:
    """Raises when a message wants to show it."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({None: 1} | GOOD, "has the key None, which is no string"),
        ({3: 1} | GOOD | {"method_name": "own"}, "has the key 3, which is no string"),
        (Unreadable(GOOD), "must be a dict"),
        ({**GOOD, "window_size": Unshown()}, "window_size must be a positive int"),
        ({**GOOD, "window_size": "x" * 100_000}, "window_size must be a positive int"),
    ],
)
def test_mistakes_that_raise_by_themselves(entry: Any, told: str) -> None:
    """Whatever an entry is made of, it is one error of ours, of a length that can be read."""
    with pytest.raises(RuleTypeError, match="custom_cfg\\[0\\]") as caught:
        parse_rules([entry], by_epoch=True)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 1000
