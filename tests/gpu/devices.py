"""The device that the tests run on: a real one where there is one, else the fake; the tests are the same."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from otel_mmlog.core.device_copy import CUDA, Device
from otel_mmlog.core.pending_tensors import PendingTensors
from tests.gpu.fake_device import DeviceTensor, FakeDevice


class Counted:
    """How often the caller waited for the device."""

    waits = 0


class FakeRig:
    """The fake, as the tests use it."""

    def __init__(self) -> None:
        self.device = FakeDevice()
        self.seam: Device = self.device
        self.tensor = self.device.tensor
        self.stall, self.finish = self.device.stall, self.device.finish
        self.capturing = self.device.capturing

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        """Count the waits."""
        counted, before = Counted(), self.device.waits
        yield counted
        counted.waits = self.device.waits - before


class CudaRig:
    """A CUDA device."""

    seam: Device = CUDA

    def tensor(self, value: Any, dtype: torch.dtype | None = torch.float32) -> torch.Tensor:
        """Return a tensor on the device."""
        return torch.tensor(value, dtype=dtype).cuda()

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        """Count what torch warns of, and what it does not: waits for an event."""
        counted = Counted()
        synchronize = torch.cuda.Event.synchronize

        def counting(event: Any) -> None:
            counted.waits += 1
            synchronize(event)

        torch.cuda.Event.synchronize = counting  # type: ignore[method-assign, assignment]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the mode does not see
            torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                yield counted
            counted.waits += sum("called a synchronizing" in str(warning.message) for warning in caught)
        finally:
            torch.cuda.set_sync_debug_mode("default")
            torch.cuda.Event.synchronize = synchronize  # type: ignore[method-assign]

    def stall(self) -> None:
        """Keep the device busy for about a second."""
        torch.cuda._sleep(2_000_000_000)

    def finish(self) -> None:
        """Let everything arrive that is under way."""
        torch.cuda.synchronize()

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Capture a CUDA graph."""
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            torch.zeros(1, device="cuda").add_(1)  # an empty graph is warned of
            yield


Rig = FakeRig | CudaRig
make_rig = CudaRig if torch.cuda.is_available() else FakeRig
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def on_rig(rig: Rig, hub: Any) -> PendingTensors:
    """Let the tensors of a hub be those of the rig, and return them."""
    pending: PendingTensors = hub._pending
    pending._device = rig.seam
    return pending


def tensors_alive() -> int:
    """How many tensors of one element on a device there are in this process."""
    kinds = (torch.Tensor, DeviceTensor)
    return sum(
        each.device.type == "cuda" and each.numel() == 1 for each in gc.get_objects() if type(each) in kinds
    )
