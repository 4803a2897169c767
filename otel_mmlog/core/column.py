"""One growing column of numbers: what a history keeps its values and its counts in."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_DTYPES: dict[type, np.dtype[Any]] = {
    bool: np.dtype(bool),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
}
_FEW = 65_536
_SPARE = 4096  # forgotten values that stay for a while, for those who look at the column as it was
_KINDS = {dtype: kind for kind, dtype in _DTYPES.items()}


class Column:
    """A one-dimensional array that grows at its end and forgets at its front.

    Every value has an index that counts from the first one ever appended, so that it stays valid when older
    values are forgotten. An append costs the same at any length (amortised), and views that were handed
    out never change.

    Args:
        values: The first values; taken over, not copied.
        max_length: How many of the latest values are kept.
        start: The index of the first of `values`.
    """

    __slots__ = ("_buffer", "_end", "_kind", "_start", "max_length")

    def __init__(self, values: Array, max_length: int, start: int = 0) -> None:
        self._buffer = values
        self._end = len(values)
        self._kind = _KINDS.get(values.dtype)
        self._start = start
        self.max_length = max_length

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the values are stored as: widens from bool to int to float, never back."""
        return self._buffer.dtype

    @property
    def first(self) -> int:
        """The index of the oldest value that is kept."""
        return self._start + max(0, self._end - self.max_length)

    @property
    def stop(self) -> int:
        """One above the index of the newest value."""
        return self._start + self._end

    def append(self, value: int | float) -> None:
        """Append one plain number (exactly `bool`, `int` or `float`); an int above 64 bits becomes a float."""
        if value.__class__ is not self._kind:
            self._widen(_DTYPES[value.__class__])
        end = self._end
        if end == len(self._buffer):
            self._make_room()
            end = self._end
        try:
            self._buffer[end] = value
        except OverflowError:
            self._widen(_DTYPES[float])
            self._buffer[end] = _nearest_float(value)
        self._end = end + 1

    def view(self) -> Array:
        """The values that are kept, oldest first; not a copy."""
        return self._buffer[max(0, self._end - self.max_length) : self._end]

    def latest(self, length: int) -> Array | None:
        """The latest `length` values, not a copy; None if there are fewer, or it is a case for more care.

        Which is: none or many of them, or a dtype that a plain Python number would not keep.
        """
        end = self._end
        if 0 < length <= end and length <= self.max_length and length <= _FEW and self._kind is not None:
            return self._buffer[end - length : end]
        return None

    def between(self, low: int, high: int) -> Array:
        """The values with indices from `low` to below `high`; not a copy."""
        return self._buffer[low - self._start : high - self._start]

    def up_to(self, stop: int, dtype: np.dtype[Any]) -> "Column":
        """The column as it was when it had this `stop` and this dtype; shares the values."""
        values = self._buffer[: max(stop - self._start, 0)]
        if values.dtype != dtype:
            with np.errstate(invalid="ignore"):
                as_they_were = values.astype(dtype)
            if (as_they_were == values).all():  # else one of these values is what has widened them
                values = as_they_were
        return Column(values, self.max_length, self._start)

    def replace(self, index: int, value: int | float) -> None:
        """Put `value` at `index`; nothing happens if that value is forgotten."""
        if index < self.first:
            return
        if value.__class__ is float:
            self._widen(_DTYPES[float])
        try:
            self._buffer[index - self._start] = value
        except OverflowError:
            self._widen(_DTYPES[float])
            self._buffer[index - self._start] = _nearest_float(value)

    def _widen(self, dtype: np.dtype[Any]) -> None:
        wide = np.result_type(self._buffer.dtype, dtype)
        if wide != self._buffer.dtype:
            self._buffer = self._buffer.astype(wide)
            self._kind = _KINDS.get(wide)

    def _make_room(self) -> None:
        """Move to a new buffer, an eighth larger, without what is forgotten.

        Always a new one: views of the old one are in other hands.
        """
        kept = min(self._end, self.max_length + _SPARE)
        buffer = np.empty(kept + kept // 8 + 64, dtype=self._buffer.dtype)
        buffer[:kept] = self._buffer[self._end - kept : self._end]
        self._start += self._end - kept
        self._buffer, self._end = buffer, kept

    def __reduce__(self) -> tuple[type["Column"], tuple[Array, int, int]]:
        """Pickle and copy what is kept, without the spare room."""
        return Column, (self.view().copy(), self.max_length, self.first)


def _nearest_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
