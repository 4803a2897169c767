"""The history of one scalar: mmengine's ``HistoryBuffer`` at a cost that does not grow with its length."""

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from otel_mmlog.core.blocks import BLOCK_LENGTH, Blocks
from otel_mmlog.core.column import Array, Column
from otel_mmlog.core.errors import ConfigError, RuleTypeError, ScalarError, StatisticNameError
from otel_mmlog.core.pending_tensors import PendingTensors
from otel_mmlog.core.statistics import Statistic, unknown_statistic
from otel_mmlog.core.tensors import plain_number

EXACT_LENGTH = 65_536
"""Windows up to this many values are summed by numpy over one view, longer ones by blocks."""

_sum, _max, _min = np.add.reduce, np.maximum.reduce, np.minimum.reduce
_PLAIN = frozenset({bool, int, float})
_UFUNCS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "count": np.add, "weighted": np.add}
_S = TypeVar("_S", bound=Statistic)


class HistoryBuffer:
    """The values of one scalar, each with the count that it stands for.

    Args:
        log_history: The first values, flattened.
        count_history: Their counts, as many.
        max_length: How many of the latest values are kept, at least 1.
        weighted: Whether a value is the mean of ``count`` items, so that `mean` is
            ``sum(value * count) / sum(count)``. By default a value is their sum, and `mean` is
            ``sum(value) / sum(count)`` as in mmengine.

    Raises:
        ScalarError: If the two lengths differ, or something is not a real number.
        ConfigError: If `max_length` is not a positive int.
    """

    _statistics_methods: ClassVar[dict[str, Statistic]] = {}

    def __init__(
        self,
        log_history: Sequence[Any] | Array = (),
        count_history: Sequence[Any] | Array = (),
        max_length: int = 1_000_000,
        *,
        weighted: bool = False,
    ) -> None:
        if type(max_length) is not int or max_length < 1:
            raise ConfigError(f"max_length must be a positive int, got {max_length!r}")
        if len(log_history) != len(count_history):
            raise ScalarError(
                f"every value needs a count: got {len(log_history)} values, {len(count_history)} counts"
            )
        self.weighted = weighted
        self._values = Column(_numbers(log_history, "log_history", max_length), max_length)
        counts = _numbers(count_history, "count_history", max_length)
        self._ones_dtype = counts.dtype
        self._counts = None if (counts == 1).all() else Column(counts, max_length)
        self._origin = 0
        self._blocks: dict[str, Blocks] = {}
        self._pending: PendingTensors | None = None
        self._reserved = -1

    @property
    def max_length(self) -> int:
        """How many of the latest values are kept."""
        return self._values.max_length

    @property
    def total(self) -> int:
        """How many values were ever put in; never sinks."""
        return self._values.stop

    @property
    def _log_history(self) -> Array:
        """The values that are kept, oldest first; a view."""
        if self._pending is not None:
            self._pending.read()
        return self._values.view()

    @property
    def _count_history(self) -> Array:
        """The counts of the values that are kept."""
        if self._counts is not None:
            return self._counts.view()
        return np.ones(self._values.stop - self._values.first, dtype=self._ones_dtype)

    @property
    def data(self) -> tuple[Array, Array]:
        """The values that are kept and their counts, oldest first."""
        return self._log_history, self._count_history

    def update(self, log_val: Any, count: Any = 1) -> None:
        """Append a value that stands for `count` items.

        Raises:
            ScalarError: If one of them is not one real number.
        """
        if log_val.__class__ not in _PLAIN:
            log_val = plain_number(log_val)
        if self._counts is not None or count.__class__ is not int or count != 1:
            self._append_count(plain_number(count))
        self._values.append(log_val)

    def reserve(self, pending: PendingTensors, *, floating: bool, count: int = 1) -> int:
        """Append a place for a value that is read later, and return its index for `fill`."""
        if self._pending is not None and self._pending is not pending:
            self._pending.read()
        self.update(float("nan") if floating else 0, count)
        self._pending = pending
        self._reserved = self._values.stop - 1
        return self._reserved

    def fill(self, index: int, value: int | float) -> None:
        """Put in a value that `reserve` made a place for."""
        if index == self._reserved:  # else later ones are still to come
            self._pending = None
        self._values.replace(index, value)

    @classmethod
    def register_statistics(cls, method: _S) -> _S:
        """Make ``method(history, ...)`` known under its own name; also a decorator.

        Raises:
            ConfigError: If the name is taken (also an `AssertionError`).
        """
        name = method.__name__
        if name in cls._statistics_methods:
            raise StatisticNameError(
                f"a statistic named {name!r} is registered already: give the function another name"
            )
        cls._statistics_methods[name] = method
        return method

    def statistics(self, method_name: str, *arg: Any, **kwargs: Any) -> Any:
        """Call the statistic of this name with the arguments that follow.

        Raises:
            UnknownStatisticError: If no statistic has this name (also a `KeyError`).
        """
        method = self._statistics_methods.get(method_name)
        if method is None:
            raise unknown_statistic(method_name, self._statistics_methods)
        return method(self, *arg, **kwargs)

    def mean(self, window_size: int | None = None) -> Any:
        """The mean of the latest `window_size` values, or of all (None, or more than there are)."""
        if self._counts is None and self._pending is None and window_size.__class__ is int:
            latest = self._values.latest(window_size)
            if latest is not None:  # the case of every log interval, without the steps of the others
                return _sum(latest) / window_size
        low, high = self._window(window_size)
        total = self._reduce("weighted" if self.weighted and self._counts is not None else "sum", low, high)
        count = np.int64(high - low) if self._counts is None else self._reduce("count", low, high)
        return total / count

    def max(self, window_size: int | None = None) -> Any:
        """The largest of the latest `window_size` values, or of all; NaN if one of them is NaN."""
        if self._pending is None and window_size.__class__ is int:
            latest = self._values.latest(window_size)
            if latest is not None:
                return _max(latest)
        return self._reduce("max", *self._window(window_size))

    def min(self, window_size: int | None = None) -> Any:
        """The smallest of the latest `window_size` values, or of all; NaN if one of them is NaN."""
        if self._pending is None and window_size.__class__ is int:
            latest = self._values.latest(window_size)
            if latest is not None:
                return _min(latest)
        return self._reduce("min", *self._window(window_size))

    def current(self) -> Any:
        """The latest value.

        Raises:
            ValueError: If there is none yet.
        """
        values = self._log_history
        if not len(values):
            raise ValueError("an empty history has no current value: update it first")
        return values[-1]

    def _window(self, window_size: int | None) -> tuple[int, int]:
        """The indices of a window: the first, and one above the last."""
        if window_size is not None and not isinstance(window_size, int):
            raise RuleTypeError(f"window_size must be an int or None, got {window_size!r}")
        if self._pending is not None:
            self._pending.read()
        high = self._values.stop
        oldest = max(self._origin, high - self._values.max_length)
        if not window_size:
            return oldest, high
        if window_size < 0:
            return min(oldest - window_size, high), high
        low = max(oldest, high - window_size)
        if low < self._values.first:
            low = max(oldest, low // BLOCK_LENGTH * BLOCK_LENGTH)
        return low, high

    def _reduce(self, name: str, low: int, high: int) -> Any:
        """Reduce the window with one of `_UFUNCS`."""
        first = self._values.first
        if high - low <= EXACT_LENGTH and low >= first:
            return _UFUNCS[name].reduce(self._slice(name, low, high))
        return self._blocks_of(name).reduce(
            lambda start, stop: self._slice(name, start, stop), first, low, high
        )

    def _blocks_of(self, name: str) -> Blocks:
        if name not in self._blocks:
            self._blocks[name] = Blocks(_UFUNCS[name])
        return self._blocks[name]

    def _slice(self, name: str, low: int, high: int) -> Array:
        """What the reduction of this name runs over."""
        if name == "count":
            return (
                np.ones(high - low, self._ones_dtype)
                if self._counts is None
                else self._counts.between(low, high)
            )
        values = self._values.between(low, high)
        if name == "weighted" and self._counts is not None:
            return values * self._counts.between(low, high)
        return values

    def _append_count(self, count: int | float) -> None:
        """Append a count; from the first one that is not 1 on, all of them are kept."""
        if self._counts is None:
            if count == 1:
                self._ones_dtype = np.result_type(self._ones_dtype, type(count))
                return
            self._counts = Column(self._count_history, self.max_length, self._values.first)
        self._counts.append(count)

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and copy take: nothing that waits on a device."""
        if self._pending is not None:
            self._pending.read()
        return self.__dict__.copy()


def _numbers(values: Sequence[Any] | Array, what: str, max_length: int) -> Array:
    """A new flat array of the latest real numbers of `values`."""
    array = np.array(values).ravel()
    if array.dtype == object:
        array = _as_floats(array)
    if array.dtype.kind not in "biuf":
        raise ScalarError(f"{what} must hold real numbers, got {array.dtype} from a {type(values).__name__}")
    if len(array) > max_length:
        warnings.warn(
            f"{what} has {len(array)} values, max_length is {max_length}: only the latest are kept",
            stacklevel=3,
        )
        array = array[-max_length:].copy()
    return array


def _as_floats(array: Array) -> Array:
    """Integers above 64 bits as floats; what is anything else stays as it is."""
    if all(type(value) is int for value in array):
        with contextlib.suppress(OverflowError):  # above all floats: no number for our purposes
            return np.array([float(value) for value in array])
    return array


for _method in (HistoryBuffer.min, HistoryBuffer.max, HistoryBuffer.current, HistoryBuffer.mean):
    HistoryBuffer.register_statistics(_method)
