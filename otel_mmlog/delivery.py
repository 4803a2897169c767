"""What a run knows of its sender: whether there is one, how far it is, and what is left."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from otel_mmlog.core.ages import Ages
from otel_mmlog.sender.process import SenderProcess
from otel_mmlog.sender.status import SenderStatus
from otel_mmlog.settings import Settings

BEHIND_S = 60.0
_LOOK_S = 1.0
_SETTLE_SHARE = 0.7  # of the time that closing may take; the rest is for the closing lines themselves
_REST_S = 0.05  # of closing: what has nothing to do with the sender


class Delivery:
    """Starts, pokes and closes the sender of a run; without an endpoint it does nothing.

    Args:
        sender: The sender, or None if no endpoint is configured.
        close_timeout_s: Seconds that `close` may take.
        lingers: Whether the sender goes on alone after that.
        tell: Called with one sentence when the sender falls behind.
    """

    def __init__(
        self,
        sender: SenderProcess | None,
        *,
        close_timeout_s: float,
        lingers: bool,
        tell: Callable[[str], None],
    ) -> None:
        self.lingers = lingers
        self._sender = sender
        self._close_timeout_s = close_timeout_s
        self._closed_by_s: float | None = None
        self._tell = tell
        self._looked_s = time.monotonic()
        self._is_behind = False
        self._ages = Ages()

    def poke(self) -> None:
        """Say that there is more in the journal; never waits."""
        if self._sender is not None:
            self._sender.poke()

    def look(self) -> None:
        """Hear from the sender, once a second at most; more than a minute behind is one WARNING an episode."""
        now_s = time.monotonic()
        if self._sender is None or now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        self._ages.look()
        status = self._sender.status()
        if status is not None:
            self._warn(self.lag_s(status), status)

    def status(self) -> SenderStatus | None:
        """What the sender told last; None without one, or before it told anything."""
        return None if self._sender is None else self._sender.status()

    def lag_s(self, status: SenderStatus) -> float:
        """Age in seconds of the oldest item that is not acknowledged; 0 if there is none."""
        return 0.0 if status.oldest_ns is None else self._ages.age_s(status.oldest_ns)

    def flush(self, timeout_s: float) -> bool:
        """Whether the first hop acknowledged all that is in the journal now; True without a sender."""
        return self._sender is None or self._sender.flush(timeout_s)

    def settle(self) -> SenderStatus | None:
        """Wait, for most of the time that `close` has, for all to be delivered.

        Returns:
            What the sender told last, ``finished`` if all was; None without a sender.
        """
        if self._sender is None:
            return None
        self._closed_by_s = time.monotonic() + self._close_timeout_s - _REST_S
        is_flushed = self._sender.flush(self._close_timeout_s * _SETTLE_SHARE)
        return replace(self._sender.status() or SenderStatus(), finished=is_flushed)

    def close(self) -> bool:
        """Let the sender go; whether everything was acknowledged. True without a sender."""
        if self._sender is None:
            return True
        left_s = _finish_s(self._close_timeout_s)
        if self._closed_by_s is not None:  # what was written meanwhile took its time, too
            left_s = max(0.0, min(left_s, self._closed_by_s - time.monotonic()))
        return self._sender.close(left_s)

    def _warn(self, lag_s: float, status: SenderStatus) -> None:
        behind = lag_s > BEHIND_S
        if behind and not self._is_behind:
            waiting = f"{status.backlog_bytes} bytes wait in the journal"
            self._tell(f"delivery is {lag_s:.0f} s behind, {waiting}. {status.reasons()}".rstrip())
        self._is_behind = behind


def _finish_s(close_timeout_s: float) -> float:
    """What closing may wait for the closing lines themselves to be delivered."""
    return close_timeout_s * (1 - _SETTLE_SHARE)


def start_delivery(settings: Settings, folder: Path, tell: Callable[[str], None]) -> Delivery:
    """Start the sender of a journal folder if an endpoint is configured."""
    sender = None
    if settings.endpoints:
        sender = SenderProcess(
            folder,
            settings.environ,
            linger_s=settings.linger_s + _finish_s(settings.close_timeout_s),
            file_mode=settings.file_mode,
            entry="otel_mmlog.sender_main",
            on_fault=tell,
        )
        sender.start()
    return Delivery(
        sender, close_timeout_s=settings.close_timeout_s, lingers=settings.linger_s > 0, tell=tell
    )
