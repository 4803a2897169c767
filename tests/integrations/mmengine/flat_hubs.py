"""Hubs with flat histories beside hubs without, and whether they hold the same."""

import math
import warnings
from typing import Any

import numpy as np

from otel_mmlog.core.tensors import is_on_device, is_tensor
from tests.oracle.theirs import TheirHub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from otel_mmlog.integrations.mmengine import flat_hub
    from otel_mmlog.integrations.mmengine.patches import Patches


def flat_class(*, late: bool = True) -> Any:
    """A class of hubs with flat histories; mmengine's own stays as it is."""
    cls = type("FlatHub", (TheirHub,), {})
    flat_hub.wrap(Patches(), cls, is_tensor if late else is_on_device)
    return cls


def same(mine: Any, other: Any) -> bool:
    if math.isnan(other):
        return math.isnan(mine)
    return bool(mine == other) and np.asarray(mine).dtype == np.asarray(other).dtype


def assert_same_hubs(ours: Any, theirs: Any) -> None:
    assert list(ours.log_scalars) == list(theirs.log_scalars)
    assert ours._resumed_keys == theirs._resumed_keys
    for key, other in theirs.log_scalars.items():
        mine = ours.get_scalar(key)
        for my_array, other_array in zip(mine.data, other.data, strict=True):
            assert my_array.dtype == other_array.dtype, key
            np.testing.assert_array_equal(my_array, other_array)
        for name in ("mean", "max", "min"):
            for window in (1, 3, None):
                assert same(mine.statistics(name, window), other.statistics(name, window)), (
                    key,
                    name,
                    window,
                )
