"""How values come from a CUDA device to this process without a wait; torch is used if it is loaded, never imported."""

import sys
from typing import Any, Protocol


class Copy(Protocol):
    """Values of one device that are on their way."""

    def is_done(self) -> bool:
        """Whether they have arrived; waits for nothing."""

    def values(self) -> list[Any]:
        """The values; waits until they have arrived."""


class Device(Protocol):
    """What there is to know of the devices that copy on their own while this process goes on."""

    def current_stream(self, tensor: Any) -> Any:
        """What the work on the tensor's device is queued to now; None if such a device has no copies of its own."""

    def is_capturing(self) -> bool:
        """Whether what is queued now goes into a CUDA graph, in place of being done."""

    def copy(self, tensors: list[Any], stream: Any) -> Copy:
        """Begin to copy the tensors of one element, all made on this stream, and wait for nothing."""


class Cuda:
    """The devices that torch calls ``cuda``, with a stream of our own on each for the copies."""

    def __init__(self) -> None:
        self._sides: dict[Any, Any] = {}

    def current_stream(self, tensor: Any) -> Any:
        """What the work on the tensor's device is queued to now; None for a device of another kind."""
        if tensor.device.type != "cuda":
            return None
        return sys.modules["torch"].cuda.current_stream(tensor.device)

    def is_capturing(self) -> bool:
        """Whether what is queued now goes into a CUDA graph; False where CUDA is not in use, or fails."""
        cuda = sys.modules["torch"].cuda
        try:
            return bool(cuda.is_initialized() and cuda.is_current_stream_capturing())
        except RuntimeError:  # after an error on the device every question to it fails: the next read says so
            return False

    def copy(self, tensors: list[Any], stream: Any) -> Copy:
        """Put the tensors together where they were made, and begin a copy to pinned memory beside that stream."""
        torch = sys.modules["torch"]
        with torch.cuda.stream(stream):
            together = stacked(tensors)
        side = self._sides.get(together.device)
        if side is None:
            side = self._sides[together.device] = torch.cuda.Stream(together.device)
        side.wait_stream(stream)
        # a default device that the user has set would make it no host memory
        host = torch.empty(together.shape, dtype=together.dtype, device="cpu", pin_memory=True)
        with torch.cuda.stream(side):
            host.copy_(together, non_blocking=True)
            done = side.record_event()
        together.record_stream(side)  # its memory is not given away before the copy is through
        return _CudaCopy(host, done)


class _CudaCopy:
    def __init__(self, host: Any, done: Any) -> None:
        self._host = host
        self._done = done

    def is_done(self) -> bool:
        return bool(self._done.query())

    def values(self) -> list[Any]:
        self._done.synchronize()
        return self._host.tolist()  # type: ignore[no-any-return]  # torch is not imported here


CUDA = Cuda()


def stacked(tensors: list[Any]) -> Any:
    """One tensor of the values of tensors that lie on one device."""
    torch = sys.modules["torch"]
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) > 1 or tensors[0].element_size() == 1:  # what is one byte wide cannot always be stacked
        wide = _common_dtype(torch, tensors)
        tensors = [tensor.to(wide) for tensor in tensors]
    return torch.stack(tensors)


def _common_dtype(torch: Any, tensors: list[Any]) -> Any:
    if not any(tensor.is_floating_point() for tensor in tensors):
        return torch.int64
    return torch.float32 if tensors[0].device.type == "mps" else torch.float64  # mps has no float64
