"""Numbers in any shape to plain ones; tensors on a device are kept and read together, when somebody asks."""

import sys
from typing import Any, Protocol

import numpy as np

from otel_mmlog.core.errors import ScalarError
from otel_mmlog.core.shown import shown

Number = bool | int | float

PENDING_MAX = 4096
"""Tensors that wait in one hub at most; the next one makes it read them all."""

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


class Slot(Protocol):
    """Where the value of a tensor goes once it is read."""

    def fill(self, index: int, value: int | float) -> None:
        """Put the value at this index of the history."""


class PendingTensors:
    """The one-element tensors of a hub that were not read yet, in the order in which they came."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[Slot, int, Any]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, slot: Slot, index: int, tensor: Any) -> None:
        """Keep a copy of the tensor; the copy is made on its device and waits for nothing."""
        self._waiting.append((slot, index, tensor.detach().reshape(()).clone()))

    def read(self) -> None:
        """Read all of them, in one transfer from each device, and fill their slots."""
        by_device: dict[Any, list[tuple[Slot, int, Any]]] = {}
        for entry in self._waiting:
            by_device.setdefault(entry[2].device, []).append(entry)
        read = {
            device: _read_together([tensor for _, _, tensor in waiting])
            for device, waiting in by_device.items()
        }
        self._waiting = []  # only now: what a failing device did not give must not stay a placeholder
        for device, values in read.items():
            entries = by_device[device]
            for (slot, index, tensor), value in zip(entries, values, strict=True):
                slot.fill(index, float(value) if tensor.is_floating_point() else int(value))


def _read_together(tensors: list[Any]) -> list[Any]:
    """The values of tensors that lie on one device."""
    torch = sys.modules["torch"]
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) > 1 or tensors[0].element_size() == 1:  # what is one byte wide cannot always be stacked
        wide = _common_dtype(torch, tensors)
        tensors = [tensor.to(wide) for tensor in tensors]
    return torch.stack(tensors).cpu().tolist()  # type: ignore[no-any-return]  # torch is not imported here


def _common_dtype(torch: Any, tensors: list[Any]) -> Any:
    if not any(tensor.is_floating_point() for tensor in tensors):
        return torch.int64
    return torch.float32 if tensors[0].device.type == "mps" else torch.float64  # mps has no float64
