"""What is written from now on: in files that grow, are cut or replaced, and in files that come."""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from otel_mmlog.cli.tailing.files import Family, LogFile
from otel_mmlog.cli.tailing.history import allow_files, in_order, parsed
from otel_mmlog.cli.tailing.lines import Line
from otel_mmlog.cli.tailing.wants import Wants
from otel_mmlog.runs.find import Part, Run, parts_of_file
from otel_mmlog.runs.state import RankState, is_open, rank_state

_AT_ONCE_BYTES = 1 << 20


class Followed:
    """One file, from some offset on.

    Args:
        file: The file.
        offset: Where to begin: behind a newline.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, file: LogFile, offset: int) -> None:
        self._file = file
        self._offset = offset
        self._open: BinaryIO = file.path.open("rb", buffering=0)

    def new_lines(self) -> tuple[list[bytes], bool]:
        """Return the whole lines that came, and whether there are more by now.

        Raises:
            OSError: It cannot be read.
        """
        size = os.fstat(self._open.fileno()).st_size
        if size < self._offset:
            self._offset = 0
        elif size == self._offset and self._is_replaced():
            self._open.close()
            self._open = self._file.path.open("rb", buffering=0)
            self._offset = 0
        data = os.pread(self._open.fileno(), _AT_ONCE_BYTES, self._offset)
        end = data.rfind(b"\n") + 1
        if not end and len(data) == _AT_ONCE_BYTES:
            end = len(data)  # a line that long is none that can be shown
        self._offset += end
        return data[:end].split(b"\n")[:-1], end > 0 and len(data) == _AT_ONCE_BYTES

    def close(self) -> None:
        """Close it."""
        self._open.close()

    def _is_replaced(self) -> bool:
        try:
            there = self._file.path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._open.fileno())
        return (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev)


class Following:
    """All files of a family, those to come as well.

    Args:
        family: What is followed.
        ends: Where to begin in the files that are there already.
        wants: What is shown of it.
    """

    def __init__(self, family: Family, ends: Mapping[LogFile, int], wants: Wants) -> None:
        self._family = family
        self._wants = wants
        self._followed: dict[LogFile, Followed] = {}
        for file, end in ends.items():
            self._add(file, end)

    def next_lines(self) -> tuple[list[Line], bool]:
        """Return the lines that came since the last call, by time, and whether there are more by now.

        Raises:
            OSError: A file cannot be read.
        """
        lines: list[Line] = []
        is_more = False
        for file, followed in self._followed.items():
            new, more = followed.new_lines()
            is_more |= more
            lines += filter(self._wants.fits, parsed(new, file, self._wants))
        return in_order(lines), is_more

    def look_for_files(self) -> None:
        """Take in files that came since the last call, and can be read.

        Raises:
            OSError: The folder cannot be read.
        """
        for file in self._family.files():
            if file not in self._followed and self._wants.ranks(file.rank):
                with contextlib.suppress(OSError):
                    self._add(file, 0)

    def close(self) -> None:
        """Close all files."""
        for followed in self._followed.values():
            followed.close()

    def _add(self, file: LogFile, offset: int) -> None:
        allow_files(len(self._followed) + 1)
        self._followed[file] = Followed(file, offset)


def ended_ranks(family: Family, now_s: Callable[[], float]) -> list[RankState] | None:
    """Return how each rank of the latest start ended; None while one still runs, or where nothing can tell.

    Raises:
        OSError: A file cannot be read.
    """
    files = family.files()
    if not files or not all(file.is_json for file in files) or any(is_open(file.path) for file in files):
        return None
    parts = [part for file in files if (part := _last_part(file.path)) is not None]
    if not parts:
        return None
    latest = max(parts, key=lambda part: part.first.time_s).first
    start = latest.run_id, latest.attempt
    mine = [part for part in parts if (part.first.run_id, part.first.attempt) == start]
    states = [
        rank_state(Run(latest.run_id, family.stem, family.folder, [part]), part.first.rank, now_s())
        for part in mine
    ]
    return [state for state in states if state is not None]


def _last_part(path: Path) -> Part | None:
    parts = parts_of_file(path)
    return parts[-1] if parts else None
