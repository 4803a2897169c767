"""The files of a journal: their names, who holds them, and how they are sealed.

``20260821T025841_123456-9f86d081.0003.jsonl.part``: start of the process family in UTC, the one process
in it, and the count of its segments. ``.part`` is there while the segment may still grow.
"""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import open_plain

PART: Final = ".part"

_NAME: Final = re.compile(
    r"(?P<start>\d{8}T\d{6}_\d{6})-(?P<process>[0-9a-f]{8})\.(?P<number>\d{4,9})\.jsonl(?P<part>\.part)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """The parsed name of a segment; the order is by time, process and number.

    Attributes:
        start: When the process family started; a forked child keeps its parent's.
        process: Random hex digits of the one process that writes it.
        number: Counts the segments of the process from 0.
    """

    start: str
    process: str
    number: int

    def __str__(self) -> str:
        """The file's name once it is sealed."""
        return f"{self.start}-{self.process}.{self.number:04d}.jsonl"


def parse_name(file_name: str) -> SegmentName | None:
    """The parsed name of a segment, open or sealed, or None for any other file."""
    match = _NAME.fullmatch(file_name)
    if match is None:
        return None
    return SegmentName(match["start"], match["process"], int(match["number"]))


def start_stamp(time_ns: int) -> str:
    """A Unix time as the first part of a name: ``20260821T025841_123456``."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f"{moment:%Y%m%dT%H%M%S}_{rest_ns // 1000:06d}"


def next_start(folder: Path, time_ns: int) -> str:
    """The stamp of a Unix time; that behind the newest in the folder, if the clock was set back since."""
    stamp = start_stamp(time_ns)
    with contextlib.suppress(OSError, ValueError, OverflowError):
        newest = max((name.start for path in folder.iterdir() if (name := parse_name(path.name))), default="")
        if newest >= stamp:
            moment = datetime.strptime(newest, "%Y%m%dT%H%M%S_%f").replace(tzinfo=timezone.utc)
            return f"{moment + timedelta(microseconds=1):%Y%m%dT%H%M%S_%f}"
    return stamp


def segment_paths(folder: Path) -> list[Path]:
    """The segments in a folder, oldest first, open ones included.

    Raises:
        OSError: The folder cannot be read.
    """
    named = ((parse_name(path.name), path) for path in folder.iterdir())
    return [path for _, path in sorted((name, path) for name, path in named if name is not None)]


def sealed_path(path: Path) -> Path:
    """The name that an open segment gets when it is sealed."""
    return path.with_name(path.name.removesuffix(PART))


def lock(fd: int) -> bool:
    """Mark a file as in use by a living process; False if another one has marked it.

    A file system without locks counts as unmarked: what it holds is then never taken for dead,
    because `claim` does not get its lock either.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
    return True


def is_at(fd: int, path: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def claim(path: Path, file_mode: int = PRIVATE) -> Iterator[int | None]:
    """A descriptor of an open segment whose writer is dead; None if it lives or the file has gone.

    Nobody else can claim the file meanwhile. ``file_mode`` is that of the run's files; see `is_trusted`.
    """
    try:
        fd = open_plain(path, os.O_RDWR | os.O_NOFOLLOW, file_mode)
    except OSError:
        yield None
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        claimed = is_at(fd, path)
    except OSError:
        claimed = False
    try:
        yield fd if claimed else None
    finally:
        os.close(fd)


def seal_dead(folder: Path, start: str, file_mode: int = PRIVATE) -> int:
    """Seal what dead processes of one family left open; returns how many files that were.

    Raises:
        OSError: The folder cannot be read, or a file in it cannot be renamed.
    """
    sealed = 0
    for path in segment_paths(folder):
        name = parse_name(path.name)
        if name is None or name.start != start or path.suffix != PART:
            continue
        with claim(path, file_mode) as fd:
            if fd is not None:
                path.rename(sealed_path(path))
                sealed += 1
    return sealed


def sync_process(folder: Path, start: str, process: str) -> None:
    """Have the disk confirm all segments of one process, and their names.

    Raises:
        OSError: The disk did not confirm one of them.
    """
    for path in segment_paths(folder):
        name = parse_name(path.name)
        if name is not None and (name.start, name.process) == (start, process):
            _sync_either(path, sealed_path(path))
    _sync_either(folder)


def _sync_either(*paths: Path) -> None:
    """Sync the first of these that exists: a segment may be sealed, or delivered and removed, meanwhile."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            return
