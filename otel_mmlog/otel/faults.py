"""What went wrong with the disk: which reason counts, when to try again, what to say, and once."""

import errno
from pathlib import Path
from typing import Final

from otel_mmlog.otel.counts import Reason

RETRY_NS: Final = 1_000_000_000
"""After a fault the disk is left alone for this time."""

QUIET_NS: Final = 5_000_000_000
"""Without another fault for this time an episode is over: a full disk takes a short line here and there."""

_REASONS: Final[dict[int | None, Reason]] = {
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EFBIG: "no_space",
    errno.EACCES: "unwritable",
    errno.EPERM: "unwritable",
    errno.EROFS: "unwritable",
    errno.ENOTDIR: "unwritable",
    errno.EEXIST: "unwritable",
    errno.ELOOP: "unwritable",
    errno.ENAMETOOLONG: "unwritable",
}

_REFUSALS: Final[dict[Reason, str]] = {
    "too_large": "a line of 512 KiB or more was dropped",
    "cap": "it is filling up: debug logs are dropped from 50 % of its cap, spans from 75 %, logs from 90 %",
    "low_space": "its disk is nearly full: everything is dropped until there is room",
}


class Faults:
    """The current episode of faults, and the messages that nobody has been told yet."""

    __slots__ = ("_folder", "_is_unconfirmed", "_messages", "_since_ns", "_told", "reason")

    def __init__(self, folder: Path) -> None:
        """Start without a fault."""
        self._folder = folder
        self._messages: list[str] = []
        self._told: set[Reason] = set()
        self._since_ns = 0
        self._is_unconfirmed = False
        self.reason: Reason | None = None

    def note(self, error: OSError, now_ns: int) -> Reason:
        """Begin an episode, or go on with the one before; returns the reason under which its lines are counted."""
        reason = _REASONS.get(error.errno, "io_error")
        if self.reason is None and abs(now_ns - self._since_ns) >= QUIET_NS:
            self._messages.append(
                f"The journal in {self._folder} cannot be written ({error.strerror or error}): metrics, logs "
                "and spans are dropped and counted until it can be. Training and the console go on."
            )
        self.reason, self._since_ns = reason, now_ns
        return reason

    def reason_to_wait(self, now_ns: int) -> Reason | None:
        """The episode's reason while it is too early to try again, else None."""
        return self.reason if abs(now_ns - self._since_ns) < RETRY_NS else None

    def end(self) -> None:
        """The disk took something again."""
        self.reason = None

    def note_unconfirmed(self, error: OSError) -> None:
        """Begin or prolong an episode in which the disk takes lines and does not confirm them."""
        if not self._is_unconfirmed:
            self._is_unconfirmed = True
            self._messages.append(
                f"The disk does not confirm the journal in {self._folder} ({error.strerror or error}): what was "
                "written last may be missing if the machine dies. Training goes on."
            )

    def end_unconfirmed(self) -> None:
        """The disk confirmed everything."""
        self._is_unconfirmed = False

    def note_refusal(self, reason: Reason) -> None:
        """Tell of the first line that admission refuses for a reason."""
        if reason not in self._told:
            self._told.add(reason)
            self._messages.append(f"The journal in {self._folder}: {_REFUSALS.get(reason, reason)}.")

    def note_text(self, message: str) -> None:
        """Tell of something else."""
        self._messages.append(message)

    def take(self) -> list[str]:
        """The messages that nobody has been told yet; the caller tells them."""
        if not self._messages:
            return []
        messages, self._messages = self._messages, []
        return messages
