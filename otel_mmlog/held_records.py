"""What is due but whose values are still on a device: held in order, and sent as soon as they are here."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from otel_mmlog.core.pending_tensors import PendingTensors

HELD_MAX = 4
"""What is held at most; the next one waits for the device."""

_Due = TypeVar("_Due")


class HeldRecords(Generic[_Due]):
    """A queue behind the tensors of a hub.

    Args:
        pending: Returns the tensors that were not read.
        send: Sends what was held, once all values are read that came before it.
        on_wait: Called when too much is held, before the device is waited for.
    """

    def __init__(
        self,
        pending: Callable[[], PendingTensors],
        send: Callable[[_Due], None],
        on_wait: Callable[[], None],
    ) -> None:
        self._pending = pending
        self._send = send
        self._on_wait = on_wait
        self._held: deque[tuple[int, _Due]] = deque()

    def must_hold(self) -> bool:
        """Send what has arrived, and say whether what is due now has to be held."""
        pending = self._pending()
        if self._held:
            pending.advance()
            if not pending.must_wait():
                pending.settle(self._held[-1][0])
            self._send_read()
        return bool(self._held) or pending.must_wait()

    def hold(self, due: _Due) -> None:
        """Hold what is due, and begin to copy what it waits for."""
        pending = self._pending()
        self._held.append((pending.added, due))
        pending.begin()
        pending.advance()  # what comes from a device without copies of its own is here already
        self._send_read()
        if len(self._held) > HELD_MAX and not pending.is_capturing():
            self._on_wait()
            pending.settle(self._held[0][0])
            self._send_read()

    def drain(self) -> None:
        """Wait for all that is held, and send it."""
        if self._held:
            self._pending().settle(self._held[-1][0])
            self._send_read()

    def _send_read(self) -> None:
        filled = self._pending().filled
        while self._held and self._held[0][0] <= filled:
            self._send(self._held.popleft()[1])
