"""Carries requests to the server and answers back, each signal on a thread of its own."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Protocol

from otel_mmlog.sender.transport import protobuf_fallback
from otel_mmlog.sender.types import Answer, Signal, Transport

_Request = tuple[Sequence[bytes], bool]


class Courier(Protocol):
    """Sends without making its caller wait; a signal has one request under way at most."""

    def start(self, signal: Signal, lines: Sequence[bytes], *, protobuf: bool) -> None:
        """Begin to send lines as one request, as protobuf in place of JSON if asked."""

    def take(self) -> tuple[Signal, Answer] | None:
        """The next answer that has come, or None if there is none now."""


class ThreadCourier:
    """A thread for each signal that has something to send: a server that is silent for one holds no other.

    Args:
        transports: Where each signal goes.
        on_answer: Called from a thread of the courier whenever there is something to `take`.
    """

    def __init__(self, transports: Mapping[Signal, Transport], on_answer: Callable[[], None]) -> None:
        self._transports = transports
        self._on_answer = on_answer
        self._protobuf: dict[Signal, Transport] = {}
        self._requests: dict[Signal, SimpleQueue[_Request]] = {}
        self._answers: deque[tuple[Signal, Answer]] = deque()

    def start(self, signal: Signal, lines: Sequence[bytes], *, protobuf: bool) -> None:
        """Begin to send lines as one request; the answer comes out of `take`."""
        queue = self._requests.get(signal)
        if queue is None:
            queue = self._requests[signal] = SimpleQueue()
            # Daemons, since a request must not keep a process that wants to end.
            threading.Thread(
                target=self._carry, args=(signal, queue), name=f"send-{signal}", daemon=True
            ).start()
        queue.put((lines, protobuf))

    def take(self) -> tuple[Signal, Answer] | None:
        """The next answer that has come, or None if there is none now."""
        return self._answers.popleft() if self._answers else None

    def _carry(self, signal: Signal, queue: "SimpleQueue[_Request]") -> None:
        while True:
            lines, protobuf = queue.get()
            self._answers.append((signal, self._send(signal, lines, protobuf=protobuf)))
            lines = ()  # a batch is not kept in memory while nothing is sent
            self._on_answer()

    def _send(self, signal: Signal, lines: Sequence[bytes], *, protobuf: bool) -> Answer:
        try:
            return self._transport(signal, protobuf=protobuf).send(signal, lines)
        except Exception as error:  # noqa: BLE001 - told, and tried again: this thread must not end
            return Answer("retry", f"sending failed here: {type(error).__name__}")

    def _transport(self, signal: Signal, *, protobuf: bool) -> Transport:
        transport = self._transports[signal]
        if not protobuf:
            return transport
        if signal not in self._protobuf:
            self._protobuf[signal] = protobuf_fallback(transport) or transport
        return self._protobuf[signal]
