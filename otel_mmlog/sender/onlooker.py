"""What a sender knows while another one has its folder: whether that one has delivered what was there at a moment."""

import contextlib
from collections.abc import Collection
from pathlib import Path

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.segments import PART, SegmentName, parse_name, segment_paths
from otel_mmlog.sender.cursor import Cursor
from otel_mmlog.sender.types import Signal


class Onlooker:
    """Reads how far the other sender says that it is.

    Args:
        folder: The rank's folder.
        signals: What is to be delivered.
        file_mode: Of the run's files; see `is_trusted`.
    """

    def __init__(self, folder: Path, signals: Collection[Signal], file_mode: int = PRIVATE) -> None:
        self._folder = folder
        self._signals = tuple(signals)
        self._cursor = Cursor(folder, file_mode)
        self._wanted: dict[SegmentName, int] = {}

    def mark(self) -> None:
        """Take note of what is in the journal now."""
        with contextlib.suppress(OSError):  # what was noted before is still to be delivered
            for path in segment_paths(self._folder):
                name = parse_name(path.name)
                size_bytes = None if name is None else self._size_bytes(name)
                if name is not None and size_bytes is not None:
                    self._wanted[name] = size_bytes

    def is_delivered(self) -> bool:
        """Whether all that was noted is delivered, or has gone, since only senders remove it."""
        positions = self._cursor.load() if self._wanted else None
        for name, size_bytes in list(self._wanted.items()):
            offsets = [positions.offset(name, signal) for signal in self._signals] if positions else []
            if min(offsets, default=0) < size_bytes and self._size_bytes(name) is not None:
                return False
            del self._wanted[name]
        return True

    def _size_bytes(self, name: SegmentName) -> int | None:
        """The length of a segment, open or sealed meanwhile; None if there is none."""
        for path in (self._folder / f"{name}{PART}", self._folder / str(name)):
            with contextlib.suppress(OSError):
                return path.stat(follow_symlinks=False).st_size
        return None
