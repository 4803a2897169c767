"""Any value as strict JSON."""

import collections
import decimal
import enum
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.pipeline.plain import plain, to_json
from tests.journals import strict_json
from tests.pipeline.log_events import Unprintable

ODD_KEYS = st.one_of(st.integers(), st.none(), st.tuples(st.integers(), st.text(st.characters())))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.decimals(),
    st.builds(Unprintable),
    st.builds(object),
    st.floats(width=32).map(np.float32),
    st.just(np.zeros((2, 2))),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()), inner, max_size=4)
        | st.dictionaries(ODD_KEYS, inner, max_size=4)
    ),
    max_leaves=20,
)


class Color(enum.Enum):
    RED = 1


class Treacherous(dict[str, Any]):
    """A dict that changes while somebody reads it, as a thread's may."""

    def items(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


@given(st.dictionaries(st.text(st.characters()), VALUES, max_size=5))
def test_any_value_is_one_line_of_strict_json(value: dict[str, Any]) -> None:
    """Whatever is in it, the line parses strictly, stays one line and can be encoded."""
    line = to_json(value)
    assert len(line.splitlines()) == 1
    line.encode("utf-8")
    strict_json(line)


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_json_values_round_trip(value: dict[str, Any]) -> None:
    """What JSON can hold comes back as it was."""
    assert strict_json(to_json(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, '"NaN"'),
        (math.inf, '"Infinity"'),
        (-math.inf, '"-Infinity"'),
        (1e-7, "1e-07"),
        (2**70, str(2**70)),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (np.bool_(True), "true"),
        (np.array([1.0, math.nan]), '[1.0, "NaN"]'),
        (torch.tensor(2.0), "2.0"),
        (torch.tensor([1, 2]), "[1, 2]"),
        ((1, 2), "[1, 2]"),
        (b"\x00a", "\"b'\\\\x00a'\""),
        (Path("a/b"), '"a/b"'),
        (decimal.Decimal("1.5"), '"1.5"'),
        (Color.RED, '"Color.RED"'),
        ({1: {math.nan: 2}}, '{"1": {"NaN": 2}}'),
        (collections.OrderedDict(a=1), '{"a": 1}'),
        (np.zeros(5000), '"<ndarray of 5000 values>"'),
        (Unprintable(), '"<unprintable Unprintable: RuntimeError>"'),
    ],
)
def test_values(value: Any, text: str) -> None:
    """Numbers are numbers, what is not finite is a string, the rest is its text."""
    assert to_json({"v": value}) == f'{{"v": {text}}}'


def test_one_bad_value_costs_itself() -> None:
    """The fields beside a value that cannot be written are there."""
    assert strict_json(to_json({"a": 1, "bad": Unprintable(), "b": 2}))["b"] == 2
    assert strict_json(to_json({"a": 1, "bad": Treacherous(x=1)}))["a"] == 1
    assert strict_json(to_json({"a": 1, "bad": 10**5000}))["a"] == 1


def test_cycles_end() -> None:
    """A dict or list that holds itself is cut off, however often it does."""
    cycle: dict[str, Any] = {"a": 1}
    cycle["self"] = cycle
    assert strict_json(to_json({"cycle": cycle}))["cycle"]["a"] == 1
    wide: list[Any] = []
    wide.extend([wide] * 50)
    assert strict_json(to_json({"wide": wide, "b": 2}))["b"] == 2


def test_depth_is_bounded() -> None:
    """A value nested thousands deep is cut off, its neighbours stay."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert strict_json(to_json({"deep": deep, "b": 2}))["b"] == 2


def test_plain_keeps_what_json_has() -> None:
    """Plain data is returned as it is."""
    value = {"a": [1, 2.5, "x", None, True]}
    assert plain(value) == value
