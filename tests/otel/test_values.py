import datetime
import enum
import json
import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.values import Values


class Colour(enum.Enum):
    RED = 1


class Size(enum.IntEnum):
    BIG = 7


@dataclass
class Point:
    x: int


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Hostile(dict[str, int]):
    def __iter__(self) -> Any:
        raise KeyError("no")


class NotAString:
    def __str__(self) -> str:
        return 1  # type: ignore[return-value]  # noqa: PLE0307 - as a careless user may


def plain(value: Any, **limits: int) -> Any:
    return Values(Limits(**limits), Counter()).plain(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (Size.BIG, 7),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.float64(0.25), 0.25),
        (np.bool_(True), True),
        (np.longdouble(1.5), "1.5"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.datetime64("2024-05-01T00:00:00"), "2024-05-01T00:00:00"),
        (torch.tensor(2.5), 2.5),
        (torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True), [1.0, 2.0]),
        (torch.zeros(100, 100), "<Tensor of shape (100, 100), torch.float32>"),
        (np.zeros((50, 50), np.int8), "<ndarray of shape (50, 50), int8>"),
        ("a\ud800b", "a\ufffdb"),
        (b"\x00\xff", b"\x00\xff"),
        ((1, None, "x"), [1, None, "x"]),
        ({3: 1, "k": {"deep": ()}}, {"3": 1, "k": {"deep": []}}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (range(3), [0, 1, 2]),
        ({5}, [5]),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "Colour.RED"),
        (Point(1), "Point(x=1)"),
        (datetime.datetime(2024, 5, 1, 2, 3, tzinfo=datetime.timezone.utc), "2024-05-01T02:03:00+00:00"),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_a_value_becomes_what_otlp_can_say(value: Any, expected: Any) -> None:
    """Every kind of value has one plain form, of exactly the plain type."""
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("value", [Unprintable(), NotAString(), torch.zeros(2, device="meta")])
def test_a_value_that_raises_costs_itself(value: Any) -> None:
    """A placeholder stands for it, it is counted, its neighbours stay."""
    faults: Counter[str] = Counter()
    result = Values(Limits(), faults).plain({"good": 1, "bad": value})
    assert isinstance(result, dict)
    assert result["good"] == 1
    assert str(result["bad"]).startswith("<unprintable ")
    assert faults == {"unprintable": 1}


def test_a_container_that_raises_costs_itself() -> None:
    """Even its iteration may fail."""
    faults: Counter[str] = Counter()
    assert Values(Limits(), faults).plain(Hostile(a=1)) == "<unprintable Hostile: KeyError>"
    assert faults == {"unprintable": 1}


def test_an_integer_that_python_refuses_to_print_is_named() -> None:
    """Python raises for the text of an integer above 4300 digits."""
    assert plain(10**5000) == "<int of 16610 bits>"


def test_cycles_end() -> None:
    """A container inside itself is named, not followed; the same one twice side by side is no cycle."""
    loop: list[Any] = [1]
    loop.append(loop)
    assert plain(loop) == [1, "<cycle>"]
    shared = [1]
    assert plain([shared, shared]) == [[1], [1]]


def test_nested_values_are_bounded() -> None:
    """A value has so many elements and levels, and no more, however it branches."""
    faults: Counter[str] = Counter()
    bomb: list[Any] = []
    for _ in range(50):
        bomb = [bomb] * 10
    start = time.perf_counter()
    result = Values(Limits(nodes=100), faults).plain(bomb)
    assert time.perf_counter() - start < 1
    assert len(json.dumps(result)) < 5000
    assert faults["value_cut"] > 0


def test_long_strings_are_cut_and_counted() -> None:
    """Strings and bytes keep their first characters."""
    faults: Counter[str] = Counter()
    values = Values(Limits(value_chars=3), faults)
    assert values.plain("abcd") == "abc"
    assert values.plain(b"abcd") == b"abc"
    assert values.any_value("abcd") == '{"stringValue":"abc"}'
    assert faults["value_cut"] == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "{}"),
        (False, '{"boolValue":false}'),
        (7, '{"intValue":"7"}'),
        (1e-7, '{"doubleValue":1e-07}'),
        (math.nan, '{"doubleValue":"NaN"}'),
        (-math.inf, '{"doubleValue":"-Infinity"}'),
        (b"\xff", '{"bytesValue":"/w=="}'),
        ([], '{"arrayValue":{}}'),
        ({}, '{"kvlistValue":{}}'),
        ([1, [None]], '{"arrayValue":{"values":[{"intValue":"1"},{"arrayValue":{"values":[{}]}}]}}'),
        ({'"': "\n"}, '{"kvlistValue":{"values":[{"key":"\\"","value":{"stringValue":"\\n"}}]}}'),
    ],
)
def test_values_are_written_in_protobufs_json(value: Any, text: str) -> None:
    """64-bit integers are strings, what is not finite too, bytes are base64."""
    assert Values(Limits(), Counter()).any_value(value) == text


def test_an_empty_key_is_counted() -> None:
    """OTLP has no attribute without a name."""
    faults: Counter[str] = Counter()
    assert Values(Limits(), faults).attributes({"": 1, 2: "two"}) == {"2": "two"}
    assert faults == {"empty_key": 1}


@pytest.mark.parametrize(
    "value", [2**63, 10**5000, "a\ud800", {"\ud800": 1}], ids=["64 bits", "5000 digits", "surrogate", "key"]
)
def test_what_is_replaced_is_counted(value: Any) -> None:
    """What OTLP cannot say leaves as something else, and the count says so."""
    faults: Counter[str] = Counter()
    Values(Limits(), faults).plain(value)
    assert faults == {"value_replaced": 1}


def test_one_entry_leaves_room_for_those_beside_it() -> None:
    """However much is in an element of a value, the next ones still have something to say."""
    large = plain(
        {"wide": list(range(10_000)), "long": ["y" * 4000] * 50, "after": "here", "more": {"a": [1]}}
    )
    assert isinstance(large, dict)
    assert large["after"] == "here"
    assert large["more"] == {"a": [1]}
