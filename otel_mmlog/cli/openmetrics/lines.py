"""Reads the metrics of journals: segments, open ones included, and what was set aside."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from otel_mmlog.core.line_check import DamagedLineError, checked
from otel_mmlog.core.plain_files import read_plain
from otel_mmlog.core.segments import PART, sealed_path, segment_paths
from otel_mmlog.sender.journal_lines import NotARequestError, signal_of
from otel_mmlog.sender.quarantine import read_quarantine


class MetricLines:
    """The export requests of metrics in some journal folders; changes nothing on disk.

    Args:
        folders: Folders of ranks.
        on_read: Gets the number of bytes of each line read.

    Attributes:
        skipped: Lines that are torn or corrupt, so far.
    """

    def __init__(self, folders: Sequence[Path], on_read: Callable[[int], object] = lambda _: None) -> None:
        self._folders = folders
        self._on_read = on_read
        self.skipped = 0

    def __iter__(self) -> Iterator[Any]:
        """Yield each request, parsed, by rank and in the order of writing.

        Raises:
            OSError: A file cannot be read.
        """
        for folder in self._folders:
            for path in segment_paths(folder):
                yield from self._segment(path)
            for kept in read_quarantine(folder):
                if kept.signal == "metrics":
                    yield from self._parse(kept.line)

    def _segment(self, path: Path) -> Iterator[Any]:
        file = _open(path)
        if file is None:
            return
        with file:
            for line in file:
                self._on_read(len(line))
                if line.endswith(b"\n"):
                    yield from self._parse_checked(line)
                elif path.suffix != PART:  # else it may be in the middle of being written
                    self.skipped += 1

    def _parse_checked(self, line: bytes) -> Iterator[Any]:
        try:
            whole = checked(line)
        except DamagedLineError:
            self.skipped += 1
        else:
            yield from self._parse(whole)

    def _parse(self, line: bytes) -> Iterator[Any]:
        try:
            if signal_of(line) == "metrics":
                yield json.loads(line)
        except (NotARequestError, ValueError, RecursionError):
            self.skipped += 1


def segment_bytes(folders: Sequence[Path]) -> int:
    """Bytes of all segments in some folders.

    Raises:
        OSError: A folder cannot be read.
    """
    return sum(_size_bytes(path) for folder in folders for path in segment_paths(folder))


def _open(path: Path) -> IO[bytes] | None:
    """A segment, also if it was sealed meanwhile; None if it was delivered and removed."""
    for each in (path, sealed_path(path)):
        try:
            return read_plain(each, os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
    return None


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
