"""What a reader tells of itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from otel_mmlog.sender.types import Signal


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a folder.

    Attributes:
        bytes: By signal, what lies behind its position in all files, lines of other signals included.
        total_bytes: What at least one signal has not passed.
        segments: Files that hold some of it.
        disk_bytes: All segments in the folder, what was delivered and not yet removed included.
        oldest_ns: Unix time of its oldest line in nanoseconds, or None if no line waits.
    """

    bytes: Mapping[Signal, int]
    total_bytes: int
    segments: int
    disk_bytes: int
    oldest_ns: int | None


@dataclass(frozen=True, slots=True)
class ReaderCounts:
    """What did not go as it should since the reader was made.

    Attributes:
        skipped_lines: Lines that are torn, corrupt or too long.
        quarantined: Items that were set aside, by signal.
        unreadable_files: Segments that could not be read when last tried.
        vanished_files: Segments that somebody else removed.
        folder_errors: How often the cursor could not be written, a segment not removed, or the folder not read.
        last_error: The last error of any kind, or None.
    """

    skipped_lines: int
    quarantined: Mapping[Signal, int]
    unreadable_files: int
    vanished_files: int
    folder_errors: int
    last_error: str | None
