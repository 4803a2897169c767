"""How long a signal waits before it tries again, and what may cut the wait short."""

import math
from collections.abc import Callable
from typing import Final, Literal

FIRST_S: Final = 1.0
CAP_S: Final = 60.0
SERVER_CAP_S: Final = 3600.0
PROBE_S: Final = 60.0
PROBE_CAP_S: Final = 300.0

Wait = Literal["none", "backoff", "server", "pause"]


class Backoff:
    """Full jitter, so that ten thousand ranks do not come back in the same second.

    Args:
        random: Returns a number from 0 up to, but without, 1.

    Attributes:
        until_s: The moment, on the caller's clock, until which nothing is sent.
        kind: ``"backoff"`` after a fault; ``"server"`` if the server named the time; ``"pause"`` until
            somebody changes something; ``"none"``.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0
        self._pauses = 0
        self.until_s = -math.inf
        self.kind: Wait = "none"

    def retry(self, now_s: float, retry_after_s: float | None) -> None:
        """Wait after a fault that will pass; ``retry_after_s`` is what the server asked for, or None."""
        self._failures += 1
        if retry_after_s is not None and retry_after_s > 0:
            asked_s = min(retry_after_s, SERVER_CAP_S)
            # Never earlier than asked, and not all ranks at once.
            self._wait("server", now_s, asked_s + self._random() * min(1.0, asked_s / 10))
        else:
            limit_s = min(CAP_S, FIRST_S * 2.0 ** min(self._failures - 1, 10))
            self._wait("backoff", now_s, self._random() * limit_s)

    def pause(self, now_s: float) -> None:
        """Wait for somebody to change something; the next try is a probe."""
        self._pauses += 1
        limit_s = min(PROBE_CAP_S, PROBE_S * 2.0 ** min(self._pauses - 1, 10))
        self._wait("pause", now_s, limit_s * (0.75 + self._random() / 4))

    def hurry(self) -> None:
        """End a wait at once, unless the server asked for it, and make the next one short."""
        self._failures = 0
        if self.kind != "server":
            self.until_s = -math.inf

    def end(self) -> None:
        """Forget all faults: the server has taken something."""
        self._failures = self._pauses = 0
        self._wait("none", -math.inf, 0.0)

    def _wait(self, kind: Wait, now_s: float, seconds: float) -> None:
        self.kind = kind
        self.until_s = now_s + seconds
