"""A file that only ever grows by whole lines, one system call each."""

import contextlib
import fcntl
import os
import time
import weakref
from pathlib import Path

from otel_mmlog.core.own_folders import PRIVATE, make_folder
from otel_mmlog.core.plain_files import open_plain

_open_files: "weakref.WeakSet[LineFile]" = weakref.WeakSet()
_fork_hook: list[bool] = []
_LOCK_TRIES = 10
_LOCK_PAUSE_S = 0.002
LOOK_S = 1.0
"""Seconds from one look whether the file still has its name to the next."""


class LineFile:
    """Appends lines, from one thread at a time, so that a killed process loses none and a forked one tears none.

    While the file is open it is locked (``flock``): `is_free` tells another run that asks.

    Args:
        path: The file; its folder is made if it is missing.
        mode: Of a new file, and with the right to look into it, of a new folder.

    Attributes:
        locked: Whether nobody else has the file open; True on a file system without locks.

    Raises:
        OSError: The file cannot be opened for writing.
    """

    def __init__(self, path: Path, mode: int = PRIVATE) -> None:
        self.path = path
        self._mode = mode
        self._descriptor = self._open()
        self._torn, self.locked = _begin(self._descriptor)
        self._looked_s = time.monotonic()
        _reopen_after_fork(self)

    def append(self, line: str) -> None:
        """Write a line, its newline included.

        Raises:
            OSError: It could not be written whole; the next line then starts on a line of its own.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_S:
            self._look(now_s)
        data = line.encode("utf-8", "replace") + b"\n"
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except BaseException:  # a signal handler may raise anything in between
            self._torn |= written > 0 and not self._cut(written)
            raise
        self._torn = False

    def _cut(self, written: int) -> bool:
        """Take back the part of a line that was just written, if nobody has written after it; whether that was done."""
        try:
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if os.fstat(self._descriptor).st_size != end:
                return False
            os.ftruncate(self._descriptor, end - written)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        if not self.path.parent.is_dir():
            make_folder(self.path.parent, self._mode)
        return open_plain(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, self._mode)

    def _look(self, now_s: float) -> None:
        """Make the file, and its folder, again if somebody deleted it: what goes to a file without a name is lost."""
        if not os.fstat(self._descriptor).st_nlink:
            deleted, self._descriptor = self._descriptor, self._open()
            os.close(deleted)
            self._torn, self.locked = _begin(self._descriptor)
        self._looked_s = now_s

    def _reopen(self) -> None:
        """Give a forked child a descriptor of its own, so that it does not hold the parent's lock."""
        inherited = self._descriptor
        self._torn = False  # a line that another thread was writing is the parent's to finish
        if inherited < 0:
            return
        with contextlib.suppress(OSError):
            self._descriptor = self._open()
            os.close(inherited)


def is_free(path: Path, mode: int = PRIVATE) -> bool:
    """Whether no living process has this file open as a `LineFile`."""
    try:
        descriptor = open_plain(path, os.O_RDONLY, mode)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    else:
        return True
    finally:
        os.close(descriptor)


def _begin(descriptor: int) -> tuple[bool, bool]:
    """Whether the last line is torn, and whether nobody else has the file open."""
    return not _ends_with_newline(descriptor), _lock(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock for as long as the descriptor is open; another run's look at it lasts microseconds."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        except OSError:  # a file system without locks: the file works all the same
            return True
        else:
            return True
    return False


def _ends_with_newline(descriptor: int) -> bool:
    """Whether the next line starts on a line of its own; a crash may have torn the last one."""
    size_bytes = os.fstat(descriptor).st_size
    return size_bytes == 0 or os.pread(descriptor, 1, size_bytes - 1) == b"\n"


def _reopen_after_fork(file: LineFile) -> None:
    _open_files.add(file)
    if not _fork_hook:
        _fork_hook.append(True)
        os.register_at_fork(after_in_child=_reopen_all)


def _reopen_all() -> None:
    for file in list(_open_files):
        file._reopen()
