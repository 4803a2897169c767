"""Numbers in any shape to plain ones, and which of them lie on a device."""

import sys
from typing import Any

import numpy as np

from otel_mmlog.core.errors import ScalarError
from otel_mmlog.core.shown import shown

Number = bool | int | float

_ADVICE = "pass a float, an int, or a numpy array or torch tensor with exactly one element"


def plain_number(value: Any) -> Number:
    """The value as exactly `bool`, `int` or `float`.

    Raises:
        ScalarError: If it is not one real number.
    """
    if type(value) in (float, int, bool):
        return value  # type: ignore[no-any-return]  # narrowed by the exact type
    if isinstance(value, (np.ndarray, np.generic)):
        size = value.size
    elif hasattr(value, "numel"):
        size = value.numel()
    elif isinstance(value, (int, float)):
        return float(value) if isinstance(value, float) else int(value)
    else:
        raise ScalarError(
            f"a scalar must be one number, got {shown(value)} of type {type(value).__name__}: {_ADVICE}"
        )
    if size != 1:
        raise ScalarError(
            f"a scalar must be one number, got {size} of them in a {type(value).__name__}: {_ADVICE}"
        )
    return _item(value)


def _item(value: Any) -> Number:
    number = value.item()
    if isinstance(number, np.floating):  # a longdouble's item() is itself
        number = float(number)
    if type(number) not in (float, int, bool):
        raise ScalarError(
            f"a scalar must be a real number, got {shown(number)} of type {type(number).__name__}: {_ADVICE}"
        )
    return number  # type: ignore[no-any-return]  # narrowed by the exact type


def is_tensor(value: object) -> bool:
    """Whether the value is a torch tensor; never imports torch."""
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    return tensor is not None and isinstance(value, tensor)


def is_on_device(value: Any) -> bool:
    """Whether reading the value would wait for a device: a torch tensor that is not on the CPU."""
    return is_tensor(value) and value.device.type != "cpu"
