"""Histories: cost, NaN, weights, pickling, names."""

import copy
import math
import pickle
import time
from collections.abc import Iterator

import numpy as np
import pytest

from otel_mmlog.core.errors import ConfigError, ScalarError, StatisticNameError, UnknownStatisticError
from otel_mmlog.core.history import HistoryBuffer


def filled(length: int, **kwargs: bool) -> HistoryBuffer:
    values = np.arange(length, dtype=float)
    return HistoryBuffer(values, np.ones(length, int), **kwargs)


@pytest.fixture
def registry() -> Iterator[None]:
    """Forgets the statistics that a test registers."""
    saved = dict(HistoryBuffer._statistics_methods)
    yield
    HistoryBuffer._statistics_methods.clear()
    HistoryBuffer._statistics_methods.update(saved)


def test_dtypes() -> None:
    """An int history stays int until the first float; a new one is float."""
    history = HistoryBuffer([1], [1])
    history.update(2)
    assert history._log_history.dtype == np.int64
    history.update(0.5)
    assert history._log_history.tolist() == [1.0, 2.0, 0.5]
    assert HistoryBuffer()._log_history.dtype == np.float64


@pytest.mark.parametrize(
    ("value", "kept"), [(2**70, 2.0**70), (10**400, math.inf), (-(10**400), -math.inf), (2**63, 2.0**63)]
)
@pytest.mark.parametrize("first", [1, 1.0])
def test_huge_ints(value: int, kept: float, first: float) -> None:
    """An int above 64 bits becomes the nearest float and disturbs nothing else."""
    history = HistoryBuffer([first], [1])
    history.update(value)
    history.update(3)
    assert history._log_history.tolist() == [1.0, kept, 3.0]
    assert history._count_history.tolist() == [1, 1, 1]


def test_weighted_mean() -> None:
    """A weighted history's values are means: its mean weighs them by their counts."""
    history = HistoryBuffer(weighted=True)
    for value, count in [(1.0, 1), (4.0, 2), (0.0, 1)]:
        history.update(value, count)
    assert history.mean() == 9 / 4
    assert history.mean(2) == 8 / 3


def test_weighted_mean_of_many() -> None:
    """Weighted means above 65,536 values agree with numpy's average."""
    rng = np.random.default_rng(0)
    values, counts = rng.normal(size=100_000), rng.integers(1, 9, 100_000)
    history = HistoryBuffer(values, counts, weighted=True)
    assert history.mean() == pytest.approx(np.average(values, weights=counts), rel=1e-12)
    assert history.mean(70_001) == pytest.approx(
        np.average(values[-70_001:], weights=counts[-70_001:]), rel=1e-12
    )


def test_nan_leaves_the_window() -> None:
    """A NaN counts while it is in the window and no longer, also in windows above 65,536 values."""
    history = filled(200_000)
    history.update(math.nan)
    for value in range(69_999):
        history.update(value)
    assert history.mean(69_999) == pytest.approx(69_998 / 2)
    assert history.max(69_999) == 69_998
    assert math.isnan(history.mean(70_000))
    assert math.isnan(history.max(70_000))
    assert math.isnan(history.min())


def test_views_do_not_change() -> None:
    """Arrays that were handed out stay as they are when the history goes on."""
    history = HistoryBuffer([0], [1], max_length=100)
    kept = []
    for value in range(1, 1000):
        history.update(value)
        view = history._log_history
        kept.append((view, view.tolist()))
    assert all(view.tolist() == values for view, values in kept)


def test_total_never_sinks() -> None:
    """The total counts values that max_length has dropped."""
    history = HistoryBuffer([1, 2], [1, 1], max_length=3)
    for _ in range(10):
        history.update(0)
    assert history.total == 12
    assert len(history._log_history) == 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda history: pickle.loads(pickle.dumps(history))])
def test_copies(copied: object) -> None:
    """A copy has all values and shares none."""
    history = filled(100_000)
    history.update(5.0, 3)
    history.mean()
    other = copied(history)  # type: ignore[operator]  # both are functions of a history
    other.update(7.0)
    assert history.total == 100_001
    assert other.total == 100_002
    assert other.mean() == (np.arange(100_000).sum() + 12) / 100_004


def test_memory() -> None:
    """A history takes little more than its values; counts of 1 take nothing."""
    history = HistoryBuffer()
    for value in range(100_000):
        history.update(float(value))
    assert len(pickle.dumps(history)) < 100_000 * 8 * 1.01
    assert history._values._buffer.nbytes < 100_000 * 8 * 1.2
    assert history._counts is None


def test_cost_is_flat() -> None:
    """A statistic over a million values costs about as much as one over a thousand."""

    def cost(history: HistoryBuffer) -> float:
        best = math.inf
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(50):
                history.update(1.0)
                history.mean()
                history.max()
                history.mean(100_000)
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(filled(1_000_000)) < 20 * cost(filled(1000))


@pytest.mark.usefixtures("registry")
def test_registered_statistic() -> None:
    """A registered function is a statistic under its name, for histories that exist too, and stays a function."""
    history = filled(10)

    @HistoryBuffer.register_statistics
    def span(self: HistoryBuffer, window_size: int, scale: float = 1.0) -> float:
        window = self._log_history[-window_size:]
        return float(window.max() - window.min()) * scale

    assert history.statistics("span", 4) == 3
    assert history.statistics("span", window_size=3, scale=0.5) == 1
    assert span(history, 2) == 1
    with pytest.raises(StatisticNameError, match="'span' is registered already"):
        HistoryBuffer.register_statistics(span)


def test_unknown_statistic() -> None:
    """An unknown statistic is told with the nearest one and all that there are."""
    with pytest.raises(
        UnknownStatisticError, match=r"'maen' .did you mean 'mean'.*'current', 'max', 'mean', 'min'"
    ):
        filled(3).statistics("maen")


@pytest.mark.parametrize("value", ["1", None, [1, 2], np.array([1, 2]), 1j, np.array("x"), object()])
def test_refused_values(value: object) -> None:
    """What is not one number is refused, and leaves the history as it was."""
    history = filled(3)
    with pytest.raises(ScalarError):
        history.update(value)
    with pytest.raises(ScalarError):
        history.update(1.0, value)
    assert [len(array) for array in history.data] == [3, 3]


@pytest.mark.parametrize("max_length", [0, -1, 2.5, True])
def test_refused_max_length(max_length: int) -> None:
    """A max_length that could hold nothing is refused."""
    with pytest.raises(ConfigError, match="max_length"):
        HistoryBuffer(max_length=max_length)


def test_refused_arrays() -> None:
    """Arrays of anything but real numbers are refused."""
    with pytest.raises(ScalarError, match="real numbers"):
        HistoryBuffer(["a"], [1])
