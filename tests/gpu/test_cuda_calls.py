"""What is asked of torch for a copy from a CUDA device, in which order; the device itself is not needed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from otel_mmlog.core.device_copy import Cuda


class Torch:
    """What `Cuda` uses of torch; notes each call with the stream that is current."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.current = "theirs"
        self.cuda = SimpleNamespace(stream=self._stream, Stream=self._side, current_stream=lambda _: "theirs")

    @contextmanager
    def _stream(self, stream: Any) -> Iterator[None]:
        before, self.current = self.current, str(stream)
        yield
        self.current = before

    def _side(self, device: str) -> Any:
        self.calls.append(f"stream on {device}")
        return Side(self)

    def note(self, what: str) -> None:
        self.calls.append(f"{self.current}: {what}")

    def stack(self, tensors: list[Any]) -> Any:
        self.note(f"stack {len(tensors)}")
        return SimpleNamespace(
            shape=(len(tensors),),
            dtype="f",
            device="cuda:0",
            record_stream=lambda one: self.note(f"keep for {one}"),
        )

    def empty(self, shape: Any, **options: Any) -> Any:
        assert options == {"dtype": "f", "device": "cpu", "pin_memory": True}
        return SimpleNamespace(
            copy_=lambda _, non_blocking: self.note(f"copy, {non_blocking=}"), tolist=lambda: [1.0] * shape[0]
        )


class Side:
    """A stream of our own."""

    def __init__(self, torch: Torch) -> None:
        self._torch = torch

    def __str__(self) -> str:
        return "ours"

    def wait_stream(self, stream: Any) -> None:
        self._torch.note(f"ours waits for {stream}")

    def record_event(self) -> Any:
        self._torch.note("event")
        return SimpleNamespace(query=lambda: False, synchronize=lambda: self._torch.note("wait"))


def test_copy_beside_the_stream_of_the_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put together where they were made, copied beside that without blocking, waited for only when asked for."""
    torch = Torch()
    monkeypatch.setitem(sys.modules, "torch", torch)
    device = Cuda()
    tensors = [SimpleNamespace(dtype="f", element_size=lambda: 4)] * 3
    copy = device.copy(tensors, "theirs")
    begun = [
        "theirs: stack 3",
        "stream on cuda:0",
        "theirs: ours waits for theirs",
        "ours: copy, non_blocking=True",
        "ours: event",
        "theirs: keep for ours",
    ]
    assert torch.calls == begun
    assert not copy.is_done()
    assert copy.values() == [1, 1, 1]
    assert torch.calls == [*begun, "theirs: wait"]
    device.copy(tensors, "theirs")
    assert torch.calls.count("stream on cuda:0") == 1
