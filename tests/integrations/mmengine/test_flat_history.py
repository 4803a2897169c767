"""Flat histories against mmengine's own, and what is left of them in files and copies."""

import copy
import math
import pickle
import pickletools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.theirs import TheirHistory

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from otel_mmlog.integrations.mmengine.flat_history import FlatHistory, flatten

VALUES = st.one_of(st.floats(), st.integers(-(2**40), 2**40), st.booleans())
COUNTS = st.one_of(st.just(1), st.integers(1, 64))
UPDATES = st.lists(st.tuples(VALUES, COUNTS), max_size=60)
WINDOWS = st.one_of(st.none(), st.integers(0, 80))


@pytest.fixture
def registered() -> Iterator[Callable[[Any], Any]]:
    """Registers with mmengine's class, and takes back what was registered."""
    before = dict(TheirHistory._statistics_methods)
    yield TheirHistory.register_statistics
    TheirHistory._statistics_methods.clear()
    TheirHistory._statistics_methods.update(before)


def spread(history: Any, window_size: int) -> Any:
    """A statistic as users write it."""
    return np.ptp(history._log_history[-window_size:]) / history._count_history[-window_size:].sum()


def same(mine: Any, other: Any) -> bool:
    if math.isnan(other):
        return math.isnan(mine)
    return bool(mine == other) and np.asarray(mine).dtype == np.asarray(other).dtype


def assert_same_data(mine: Any, other: Any) -> None:
    for my_array, other_array in zip(mine.data, other.data, strict=True):
        assert my_array.dtype == other_array.dtype
        np.testing.assert_array_equal(my_array, other_array)


@given(start=UPDATES, updates=UPDATES, window=WINDOWS, max_length=st.sampled_from([3, 7, 1000]))
@settings(max_examples=300, deadline=None)
def test_same_as_theirs(
    start: list[tuple[Any, int]], updates: list[tuple[Any, int]], window: int | None, max_length: int
) -> None:
    """After any updates the arrays, their dtypes and every statistic are mmengine's, whichever class began."""
    start = start[:max_length]
    values, counts = [value for value, _ in start], [count for _, count in start]
    fresh, theirs = FlatHistory(values, counts, max_length), TheirHistory(values, counts, max_length)
    flattened = TheirHistory(values, counts, max_length)
    assert flatten(flattened)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for value, count in updates:
            for history in (fresh, flattened, theirs):
                history.update(value, count)
        for ours in (fresh, flattened):
            assert_same_data(ours, theirs)
            if not len(theirs.data[0]):
                continue
            assert same(ours.statistics("current"), theirs.statistics("current"))
            for name in ("mean", "min", "max"):
                assert same(ours.statistics(name, window), theirs.statistics(name, window)), name


def test_is_theirs() -> None:
    """A flat history passes for mmengine's class."""
    assert isinstance(FlatHistory(), TheirHistory)


def test_flattened_in_place() -> None:
    """Whoever holds a history that is made flat goes on seeing its updates, and what users put on it."""
    held = TheirHistory([1.0, 2.0], [1, 1], 5)
    held.note = "mine"
    assert flatten(held)
    assert type(held) is FlatHistory
    held.update(3.0)
    assert held.data[0].tolist() == [1.0, 2.0, 3.0]
    assert held.max_length == 5
    assert held.note == "mine"
    assert flatten(held)


class Registered(TheirHistory):  # type: ignore[misc]  # mmengine has no types
    """A user's own kind of history."""


@pytest.mark.parametrize(
    "history",
    [
        Registered([1.0], [1]),
        TheirHistory([2**70], [1]),
        TheirHistory([[1.0, 2.0]], [1]),
        TheirHistory([1j], [1]),
        TheirHistory([], [], 0),
    ],
)
def test_others_stay(history: Any) -> None:
    """A user's class, and values that are no row of real numbers, stay as they are."""
    before = type(history), history.data[0].tolist()
    assert not flatten(history)
    assert (type(history), history.data[0].tolist()) == before


def test_their_registered_statistics(registered: Callable[[Any], Any]) -> None:
    """A statistic registered with mmengine's class, before or after, works on flat histories."""
    flat, theirs = FlatHistory([1.0, 4.0], [2, 3]), TheirHistory([1.0, 4.0], [2, 3])
    with pytest.raises(KeyError, match="spread"):
        flat.statistics("spread", 2)
    registered(spread)
    assert flat.statistics("spread", 2) == theirs.statistics("spread", window_size=2) == 0.6
    with pytest.raises(AssertionError):
        FlatHistory.register_statistics(spread)


def test_no_builtin_statistic_of_theirs_runs() -> None:
    """The four statistics of mmengine run flat: no array of counts is made for a mean over many values."""
    flat = FlatHistory(np.zeros(1_000_000), np.ones(1_000_000, int))
    flat.__class__ = type("NoCounts", (FlatHistory,), {"_count_history": property(lambda _: 1 / 0)})
    flat.update(1.0)
    assert flat.statistics("mean", 4) == 0.25
    assert flat.statistics("max") == 1.0


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        *[lambda history, protocol=p: pickle.loads(pickle.dumps(history, protocol)) for p in range(6)],
    ],
)
def test_copies_are_theirs(copied: Callable[[Any], Any]) -> None:
    """Copied or pickled, a flat history is an object of mmengine's class with the same content."""
    flat, theirs = FlatHistory([0, 1, 2, 3], [1, 1, 2, 1], 4), TheirHistory([0, 1, 2, 3], [1, 1, 2, 1], 4)
    for history in (flat, theirs):
        history.update(4)
    flat.note = theirs.note = "mine"
    result, expected = copied(flat), copied(theirs)
    assert type(result) is TheirHistory
    assert_same_data(result, expected)
    assert vars(result).keys() - {"statistics_methods"} == vars(expected).keys() - {"statistics_methods"}
    flat.update(9.0)
    assert result.data[0].tolist() == [1, 2, 3, 4]


def test_pickle_names_nothing_of_ours(registered: Callable[[Any], Any]) -> None:
    """A pickle asks for no module of this package, and brings the statistics that mmengine's brings."""
    registered(spread)
    flat, theirs = FlatHistory([1.0], [1]), TheirHistory([1.0], [1])
    flat.update(2.0)
    theirs.update(2.0)
    names = [
        {str(argument) for _, argument, _ in pickletools.genops(pickle.dumps(history)) if argument}
        for history in (flat, theirs)
    ]
    assert not {name for name in names[0] if "otel_mmlog" in name}
    assert {"spread"} <= names[0] & names[1]
    unknown = pickle.dumps(flat)
    del TheirHistory._statistics_methods["spread"]
    assert pickle.loads(unknown).statistics("spread", 2) == 0.5


def test_max_length_may_change() -> None:
    """A new max_length forgets the older values for good."""
    flat = FlatHistory([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4])
    flat.max_length = 2
    assert [column.tolist() for column in flat.data] == [[3.0, 4.0], [3, 4]]
    flat.max_length = 10
    flat.update(5.0)
    assert [column.tolist() for column in flat.data] == [[3.0, 4.0, 5.0], [3, 4, 1]]
    assert flat.statistics("min") == 3.0
    with pytest.raises(ValueError, match="max_length"):
        flat.max_length = 0
