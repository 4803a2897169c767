"""The moving average, against its formula."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.runs.smoothing import smoothed

VALUES = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf])), max_size=40
)


@given(VALUES, st.floats(0, 0.999))
def test_is_the_weighted_mean_of_the_past(values: list[float], weight: float) -> None:
    """Each finite value becomes the mean of those up to it, with weights 1, w, w**2, ... backwards; others stay."""
    found = smoothed(np.array(values, dtype=np.float64), weight)
    for at, value in enumerate(values):
        if not math.isfinite(value):
            assert repr(float(found[at])) == repr(value)
            continue
        past = [each for each in values[: at + 1] if math.isfinite(each)]
        weights = [weight**age for age in range(len(past))]
        total = math.fsum(w * each for w, each in zip(weights, reversed(past), strict=True))
        assert found[at] == pytest.approx(total / math.fsum(weights), rel=1e-9, abs=1e-6)


def test_as_tensorboard_has_it() -> None:
    """Numbers worked out by hand: the first value stays, the second is (0.6 * 1 + 2) / 1.6."""
    found = smoothed(np.array([1.0, 2.0, 4.0]), 0.6)
    assert found.tolist() == pytest.approx([1.0, 2.6 / 1.6, (0.36 + 1.2 + 4.0) / 1.96])


def test_what_never_changes_stays() -> None:
    """Smoothing adds no noise of floats to it, which an axis would show."""
    assert set(smoothed(np.full(100, 0.0017), 0.6).tolist()) == {0.0017}
