"""The values that pass between reader, loop and transport."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Signal = Literal["metrics", "logs", "traces"]
SIGNALS: tuple[Signal, ...] = ("metrics", "logs", "traces")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    Attributes:
        kind: ``"delivered"``; ``"retry"`` (later, for ever); ``"split"`` (too large); ``"pause"`` (refused until
            somebody changes something: credentials, path); ``"bad"`` (a line in it cannot be taken).
        detail: One line for a person, without any secret; empty if delivered whole.
        rejected: Items that the server took note of and dropped (``partialSuccess``).
        retry_after_s: What the server asked to wait, or None.
        wants_protobuf: Whether the server does not take JSON (415).
    """

    kind: Literal["delivered", "retry", "split", "pause", "bad"]
    detail: str = ""
    rejected: int = 0
    retry_after_s: float | None = None
    wants_protobuf: bool = False


class Transport(Protocol):
    """Sends lines of one signal as one request."""

    def send(self, signal: Signal, lines: Sequence[bytes]) -> Answer:
        """Send and wait for the answer; whatever network and server do is an `Answer`, never an exception."""

    def close(self) -> None:
        """Release connections."""
