"""Sums, maxima or minima of every 4096 values: what keeps a long window as cheap as a short one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from otel_mmlog.core.column import Array, Column

BLOCK_LENGTH = 4096

_NO_LIMIT = 1 << 62

Slice = Callable[[int, int], Array]
"""The values with indices from the first argument to below the second."""


class Blocks:
    """The reductions of one history's full blocks, made when first asked for and then kept.

    Block ``b`` covers the indices from ``b * 4096`` to below ``(b + 1) * 4096``. Because no result runs over
    more than its window, a NaN or Inf is forgotten as soon as it leaves the window.

    Args:
        ufunc: The reduction: `numpy.add`, `numpy.maximum` or `numpy.minimum`.
        done: Reductions already known, of blocks whose values may be gone.
    """

    __slots__ = ("_done", "_latest", "_ufunc")

    def __init__(self, ufunc: np.ufunc, done: Column | None = None) -> None:
        self._ufunc = ufunc
        self._done = done
        self._latest: tuple[int, int, Any] = (0, 0, None)

    def reduce(self, values: Slice, first: int, low: int, high: int) -> Any:
        """Reduce the indices from `low` to below `high`, a range that holds at least one full block.

        Args:
            values: The values that are kept; only asked for indices from `first` on.
            first: The oldest index that is kept. A `low` below it must be the start of a block,
                or of all that is known.
            low: The first index.
            high: One above the last.
        """
        start = low // BLOCK_LENGTH if low < first else -(-low // BLOCK_LENGTH)
        stop = high // BLOCK_LENGTH
        latest = self._latest  # another thread may ask for another window
        if latest[:2] != (start, stop):  # a window that only grows asks for the same 4096 times
            known = self._known(values, first, stop).between(start, stop)
            latest = self._latest = start, stop, self._ufunc.reduce(known)
        result = latest[2]
        if low < start * BLOCK_LENGTH:
            result = self._ufunc(result, self._ufunc.reduce(values(low, start * BLOCK_LENGTH)))
        if stop * BLOCK_LENGTH < high:
            result = self._ufunc(result, self._ufunc.reduce(values(stop * BLOCK_LENGTH, high)))
        return result

    def summary(self, values: Slice, first: int, low: int, high: int) -> Array:
        """One reduction for each block from the one of `low` to the one before `high`'s.

        The first may be a part of its block: what is left of it from `first` on.
        """
        start, stop = low // BLOCK_LENGTH, high // BLOCK_LENGTH
        known = self._known(values, first, stop)
        if known.first <= start:
            return known.between(start, stop)
        part = self._ufunc.reduce(values(first, (start + 1) * BLOCK_LENGTH))
        return np.concatenate(([part], known.between(start + 1, stop)))

    def _known(self, values: Slice, first: int, stop: int) -> Column:
        """The reductions of all blocks below `stop`."""
        done = self._done
        oldest = -(-first // BLOCK_LENGTH)
        if done is None or done.stop < oldest:
            empty = self._ufunc.reduce(values(first, first + 1)).reshape(1)[:0]
            done = self._done = Column(empty, _NO_LIMIT, oldest)
        for block in range(done.stop, stop):
            done.append(self._ufunc.reduce(values(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH)).item())
        return done
