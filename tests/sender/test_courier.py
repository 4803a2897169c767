"""Requests on threads."""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from otel_mmlog.sender.courier import ThreadCourier
from otel_mmlog.sender.types import Answer, Signal


class Scripted:
    """A transport whose answers are a function's."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        self._answer = answer

    def send(self, signal: Signal, lines: Sequence[bytes]) -> Answer:
        return self._answer()

    def close(self) -> None:
        """Nothing is open."""


def test_silent_server_holds_no_other_signal() -> None:
    """While a request of one signal waits, those of another come back."""
    release = threading.Event()
    came: SimpleQueue[None] = SimpleQueue()

    def wait() -> Answer:
        release.wait(20)
        return Answer("retry", "timeout")

    courier = ThreadCourier(
        {"logs": Scripted(wait), "metrics": Scripted(lambda: Answer("delivered"))}, lambda: came.put(None)
    )
    courier.start("logs", [b"{}\n"], protobuf=False)
    for _ in range(3):
        courier.start("metrics", [b"{}\n"], protobuf=False)
        came.get(timeout=20)
        assert courier.take() == ("metrics", Answer("delivered"))
    assert courier.take() is None
    release.set()
    came.get(timeout=20)
    assert courier.take() == ("logs", Answer("retry", "timeout"))


def test_broken_transport_is_tried_again() -> None:
    """An exception of a transport, which should have none, is an answer; the thread lives on."""
    came: SimpleQueue[None] = SimpleQueue()
    failures = [ZeroDivisionError("secret")]

    def answer() -> Answer:
        if failures:
            raise failures.pop()
        return Answer("delivered")

    courier = ThreadCourier({"logs": Scripted(answer)}, lambda: came.put(None))
    courier.start("logs", [b"{}\n"], protobuf=False)
    came.get(timeout=20)
    taken = courier.take()
    assert taken is not None
    assert taken[1].kind == "retry"
    assert "ZeroDivisionError" in taken[1].detail
    assert "secret" not in taken[1].detail
    courier.start("logs", [b"{}\n"], protobuf=False)
    came.get(timeout=20)
    assert courier.take() == ("logs", Answer("delivered"))
