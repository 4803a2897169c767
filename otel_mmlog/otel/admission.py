"""Which lines a journal still takes as its folder fills up: the dearest data goes last."""

import os
from pathlib import Path
from typing import Final

from otel_mmlog.otel.counts import Reason
from otel_mmlog.otel.lines import EncodedLine

LINE_LIMIT_BYTES: Final = 512 * 1024
"""Lines are shorter than this; the Collector's file receiver drops what is above 1 MiB."""

SHARES: Final = {"metrics": 1.0, "logs": 0.9, "traces": 0.75}
"""Share of the cap up to which a signal is taken."""

DEBUG_SHARE: Final = 0.5
"""Share of the cap up to which logs below INFO and points of the machine are taken."""

RECOUNT_NS: Final = 1_000_000_000
"""Under pressure the folder is counted again after this time: a sender may have made room."""


class Admission:
    """The room that one rank's folder has left.

    The folder is counted at `recount`; in between, what this process writes is added up. Other
    processes that write to the same folder are seen at the next count.
    """

    __slots__ = ("_cap_bytes", "_counted_ns", "_folder", "_min_free_bytes", "low_space", "used_bytes")

    def __init__(self, folder: Path, *, cap_bytes: int, min_free_bytes: int) -> None:
        """Read nothing yet: `recount` does."""
        self._folder = folder
        self._cap_bytes = cap_bytes
        self._min_free_bytes = min_free_bytes
        self.used_bytes = 0
        self._counted_ns: int | None = None
        self.low_space = False

    def recount(self, now_ns: int) -> None:
        """Add up the folder's files and look at the free space.

        Raises:
            OSError: The folder cannot be read.
        """
        self._counted_ns = now_ns
        self.used_bytes = folder_bytes(self._folder)
        self.low_space = self._min_free_bytes > 0 and free_bytes(self._folder) < self._min_free_bytes

    def add(self, size_bytes: int) -> None:
        """Note what was written since the last count."""
        self.used_bytes += size_bytes

    def is_stale(self, now_ns: int) -> bool:
        """Whether lines are being refused, or soon will be, on an old count or on none."""
        if self._counted_ns is None:
            return True
        pressed = self.low_space or self.used_bytes >= DEBUG_SHARE * self._cap_bytes
        return pressed and abs(now_ns - self._counted_ns) >= RECOUNT_NS

    def reason_to_refuse(self, line: EncodedLine, ahead_bytes: int) -> Reason | None:
        """Why a line cannot be taken, or None if it can.

        Args:
            line: The line.
            ahead_bytes: Bytes that were admitted before it and are not yet added.
        """
        size_bytes = line.size_bytes
        if size_bytes >= LINE_LIMIT_BYTES:
            return "too_large"
        if self.low_space:
            return "low_space"
        share = DEBUG_SHARE if line.debug else SHARES[line.signal]
        if self.used_bytes + ahead_bytes + size_bytes > share * self._cap_bytes:
            return "cap"
        return None


def folder_bytes(folder: Path) -> int:
    """Bytes of the files directly in a folder.

    Raises:
        OSError: The folder cannot be read.
    """
    with os.scandir(folder) as entries:
        return sum(_file_bytes(entry) for entry in entries)


def _file_bytes(entry: os.DirEntry[str]) -> int:
    """Bytes of a file; 0 for anything else, and for what a sender has removed meanwhile."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return 0
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write to the folder's disk.

    Raises:
        OSError: The folder is not there.
    """
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize
