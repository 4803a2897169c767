"""Tells what goes wrong in a journal folder: each episode once."""

from collections.abc import Callable
from typing import Final

from otel_mmlog.sender.tallies import ReaderCounts

QUIET_S: Final = 5.0
"""Seconds without another fault that end an episode."""


class FolderFaults:
    """Looks at what a reader counts.

    Args:
        tell: Gets one sentence for each episode of faults of the disk, and one for damaged lines a minute at most.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._faults = 0
        self._until_s: float | None = None
        self._skipped_lines = 0
        self._next_s = 0.0

    def look(self, counts: ReaderCounts, now_s: float) -> None:
        """Tell what is new.

        Args:
            counts: What went wrong so far.
            now_s: Seconds on any clock that never goes back.
        """
        faults = counts.folder_errors + counts.unreadable_files
        if faults > self._faults or counts.unreadable_files:
            if self._until_s is None:
                self._tell(
                    f"the journal's folder fails: {counts.last_error}; it is tried again, and nothing is lost"
                )
            self._until_s = now_s + QUIET_S
        elif self._until_s is not None and now_s >= self._until_s:
            self._until_s = None
        self._faults = faults
        if counts.skipped_lines > self._skipped_lines and now_s >= self._next_s:
            self._tell(f"{counts.skipped_lines - self._skipped_lines} damaged lines were skipped")
            self._skipped_lines, self._next_s = counts.skipped_lines, now_s + 60
