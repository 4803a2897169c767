"""Smooths curves as TensorBoard does, so that a picture here looks like the one there."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def smoothed(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average of values, corrected for its begin at zero.

    Value n is ``sum(weight**k * values[n - k]) / sum(weight**k)`` over all k. What is not finite stays as it is, and
    is left out of the average of the values behind it.

    Args:
        values: Shape (N,).
        weight: Of the past, at least 0 and less than 1; 0 changes nothing.
    """
    result = np.array(values, dtype=np.float64)
    total = norm = 0.0
    low, high = np.inf, -np.inf
    for at, value in enumerate(result.tolist()):
        if np.isfinite(value):
            total = total * weight + value
            norm = norm * weight + 1.0
            low, high = min(low, value), max(high, value)
            result[at] = min(
                max(total / norm, low), high
            )  # what never changes stays as it is to the last bit
    return result
