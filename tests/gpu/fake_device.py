"""A device without a device: tensors that say they are CUDA's, and count every operation that would wait for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_map

from otel_mmlog.core.device_copy import Copy, stacked


class DeviceTensor(torch.Tensor):
    """A tensor on a device that is not there: it computes on the CPU, at once.

    Args:
        values_inside: The values.
        device: Whose it is.
    """

    values_inside: torch.Tensor
    owner: "FakeDevice"

    @staticmethod
    def __new__(cls, values_inside: torch.Tensor, owner: "FakeDevice") -> "DeviceTensor":
        made: DeviceTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            values_inside.shape,
            dtype=values_inside.dtype,
            device=torch.device("cuda"),
            requires_grad=values_inside.requires_grad,
        )
        made.values_inside, made.owner = values_inside.detach(), owner
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch's stub forgets that it is a classmethod
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        owner: FakeDevice = next(
            arg for arg in _leaves((args, kwargs)) if isinstance(arg, DeviceTensor)
        ).owner
        owner.operations += 1
        leaves_device = func is torch.ops.aten._local_scalar_dense.default
        if kwargs.get("device") is not None:
            leaves_device = torch.device(kwargs["device"]).type == "cpu"
            kwargs["device"] = "cpu"
        if func is torch.ops.aten.copy_.default and not isinstance(args[0], DeviceTensor):
            leaves_device = True  # to memory that is not pinned: there is none without CUDA
        if leaves_device:
            owner.wait()
        result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        if leaves_device:
            return result
        return tree_map(lambda x: DeviceTensor(x, owner) if isinstance(x, torch.Tensor) else x, result)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def tolist(self) -> Any:
        self.owner.wait()
        return self.values_inside.tolist()

    def numpy(self, **kwargs: Any) -> Any:
        self.owner.wait()
        return self.values_inside.numpy(**kwargs)

    def __repr__(self, **_kwargs: Any) -> str:  # type: ignore[override]
        self.owner.wait()
        return f"DeviceTensor({self.values_inside})"


class FakeDevice:
    """What `otel_mmlog.core.device_copy.Device` is without a device.

    A copy arrives when it is looked at the second time; while the device is stalled, only when `finish` says so.

    Attributes:
        waits: How often somebody waited for the device.
        operations: How many operations its tensors have had.
        copies: Copies that were begun.
        broken: What each copy raises, or None.
        stream: Any name of the stream that is current.
    """

    def __init__(self) -> None:
        self.waits = 0
        self.operations = 0
        self.copies: list[FakeCopy] = []
        self.broken: Exception | None = None
        self.stream = "default"
        self.stalled = False
        self._capturing = False

    def tensor(self, value: Any, dtype: torch.dtype | None = torch.float32) -> DeviceTensor:
        """Return a tensor on the device."""
        return DeviceTensor(torch.tensor(value, dtype=dtype), self)

    def wait(self) -> None:
        """Note that the caller waits; while a graph is captured nothing can be waited for."""
        if self._capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.waits += 1

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Capture a CUDA graph: nothing is computed, and whoever waits or looks at a copy breaks it."""
        self._capturing = True
        try:
            yield
        finally:
            self._capturing = False

    def stall(self) -> None:
        """Let no copy arrive from now on."""
        self.stalled = True

    def finish(self) -> None:
        """Let everything arrive that is under way."""
        self.stalled = False
        for copy in self.copies:
            copy.arrived = True

    def current_stream(self, tensor: Any) -> Any:
        return self.stream

    def is_capturing(self) -> bool:
        return self._capturing

    def copy(self, tensors: list[Any], stream: Any) -> Copy:
        if self._capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        copy = FakeCopy(self, stacked(tensors).values_inside)
        self.copies.append(copy)
        return copy


class FakeCopy:
    """A copy that is under way."""

    def __init__(self, device: FakeDevice, values: torch.Tensor) -> None:
        self._device = device
        self._values = values
        self.arrived = False
        self._looked = False

    def is_done(self) -> bool:
        if self._device._capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        if self._device.broken is not None:
            raise self._device.broken
        if not self._device.stalled:
            self.arrived = self.arrived or self._looked
            self._looked = True
        return self.arrived

    def values(self) -> list[Any]:
        if self._device.broken is not None:
            raise self._device.broken
        if not self.arrived:
            self._device.wait()
            self.arrived = True
        return self._values.tolist()


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, (list, tuple)):
        for part in tree:
            yield from _leaves(part)
    elif isinstance(tree, dict):
        yield from _leaves(list(tree.values()))
    else:
        yield tree


def _inner(value: Any) -> Any:
    return value.values_inside if isinstance(value, DeviceTensor) else value
