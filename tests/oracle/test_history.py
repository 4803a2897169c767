"""Histories against mmengine's, on random updates."""

import math
import random
import warnings
from typing import Any

import numpy as np
import pytest

from otel_mmlog.core.history import HistoryBuffer
from tests.oracle.theirs import TheirHistory

METHODS = ["mean", "max", "min"]


def same(ours: Any, theirs: Any) -> bool:
    """Whether two statistics are the same number of the same kind."""
    if math.isnan(theirs):
        return math.isnan(ours)
    return bool(ours == theirs) and np.asarray(ours).dtype == np.asarray(theirs).dtype


def random_value(rng: random.Random, kinds: list[str]) -> Any:
    kind = rng.choice(kinds)
    if kind == "int":
        return rng.randrange(-(10**6), 10**6)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "wild":
        return rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324])
    return rng.gauss(0, 10 ** rng.randrange(-3, 4))


def pair(rng: random.Random, max_length: int) -> tuple[HistoryBuffer, Any]:
    start = rng.choice(["empty", "int", "float", "bool", "array32"])
    values: Any = {"empty": [], "int": [3], "float": [0.5, 1.5], "bool": [True]}.get(
        start, np.arange(4, dtype="f4")
    )
    counts = [rng.choice([1, 1, 4, 2.5]) for _ in values]
    return HistoryBuffer(values, counts, max_length), TheirHistory(values, counts, max_length)


def assert_same(ours: HistoryBuffer, theirs: Any, rng: random.Random, where: Any) -> None:
    for mine, other in zip(ours.data, theirs.data, strict=True):
        assert mine.dtype == other.dtype, where
        np.testing.assert_array_equal(mine, other)
    size = len(theirs._log_history)
    if not size:
        return
    assert same(ours.current(), theirs.current())
    for window in (None, 0, 1, size, size + 5, rng.randrange(1, 60), -rng.randrange(1, size + 1)):
        for method in METHODS:
            if window is not None and window < 0 and -window >= size:
                continue
            assert same(ours.statistics(method, window), theirs.statistics(method, window)), (
                where,
                method,
                window,
            )


@pytest.mark.parametrize("seed", range(8))
def test_random_updates(seed: int) -> None:
    """After any updates the arrays, their dtypes and every statistic over every window are mmengine's."""
    rng = random.Random(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for case in range(60):
            ours, theirs = pair(rng, rng.choice([5, 17, 100, 10**6]))
            kinds = rng.choice([["float"], ["int"], ["bool", "int"], ["float", "int"], ["float", "wild"]])
            counts: list[float] = rng.choice([[1], [1], [1, 2, 8], [1, 1.0], [3, 0.5]])
            for _ in range(rng.choice([0, 1, 7, 60, 300])):
                value, count = random_value(rng, kinds), rng.choice(counts)
                ours.update(value, count)
                theirs.update(value, count)
            assert_same(ours, theirs, rng, (seed, case))


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("wild", [False, True])
def test_long_windows(counted: bool, wild: bool) -> None:
    """Windows above 65,536 values agree with mmengine's to the last digits; NaN and Inf come and go with them."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=150_000)
    if wild:
        values[[10, 70_000]] = [np.nan, np.inf]
    counts = rng.integers(1, 4, 150_000) if counted else np.ones(150_000, int)
    ours, theirs = HistoryBuffer(values[:1], counts[:1], 140_000), TheirHistory([], [], 140_000)
    for value, count in zip(values[1:].tolist(), counts[1:].tolist(), strict=True):
        ours.update(value, count)
    theirs._log_history, theirs._count_history = values[-140_000:], counts[-140_000:]
    for step in range(3):
        for window in (65_535, 65_536, 65_537, 79_999, 80_001, 100_000, 139_999, 140_000, 200_000, None):
            for method in METHODS:
                mine, other = ours.statistics(method, window), theirs.statistics(method, window)
                assert mine == pytest.approx(other, rel=1e-12, nan_ok=True), (step, window, method)
        for value in (rng.normal() for _ in range(20)):
            ours.update(value, 2 if counted else 1)
            theirs.update(value, 2 if counted else 1)


def test_shared_length_warning() -> None:
    """Too many values for max_length are a warning, and the latest are kept, as in mmengine."""
    with pytest.warns(UserWarning, match="max_length"):
        ours = HistoryBuffer(range(10), [1] * 10, 4)
    with pytest.warns(UserWarning, match="max_length"):
        theirs = TheirHistory(range(10), [1] * 10, 4)
    np.testing.assert_array_equal(ours.data, theirs.data)


def test_errors() -> None:
    """What mmengine refuses with an error type, ours refuses with the same type."""
    for history in (HistoryBuffer, TheirHistory):
        with pytest.raises(AssertionError):
            history([1, 2], [1])
        with pytest.raises(TypeError):
            history().update("1")
        with pytest.raises(TypeError):
            history().update(1, "1")
        with pytest.raises(ValueError):  # noqa: PT011 - the type is what is compared
            history().current()
        with pytest.raises(ValueError):  # noqa: PT011 - the type is what is compared
            history().max()
        with pytest.raises(AssertionError):
            history([1], [1]).mean(2.5)  # type: ignore[arg-type]  # wrong on purpose
        with pytest.raises(KeyError):
            history([1], [1]).statistics("unknown")
