"""A file that only ever grows by whole lines, one system call each."""

import contextlib
import fcntl
import os
import time
import weakref
from pathlib import Path

_open_files: "weakref.WeakSet[LineFile]" = weakref.WeakSet()
_fork_hook: list[bool] = []
_LOCK_TRIES = 10
_LOCK_PAUSE_S = 0.002


class LineFile:
    """Appends lines, from one thread at a time, so that a killed process loses none and a forked one tears none.

    While the file is open it is locked (``flock``): `is_free` tells another run that asks.

    Args:
        path: The file; its folder is made if it is missing (mode 0700, the file 0600).

    Attributes:
        locked: Whether nobody else has the file open; True on a file system without locks.

    Raises:
        OSError: The file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = self._open()
        self._torn = not _ends_with_newline(self._descriptor)
        self.locked = _lock(self._descriptor)
        _reopen_after_fork(self)

    def append(self, line: str) -> None:
        """Write a line, its newline included.

        Raises:
            OSError: It could not be written whole; the next line then starts on a line of its own.
        """
        data = line.encode("utf-8", "replace") + b"\n"
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        finally:
            if written:
                self._torn = written < len(data)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)

    def _reopen(self) -> None:
        """Give a forked child a descriptor of its own, so that it does not hold the parent's lock."""
        inherited = self._descriptor
        self._torn = False  # a line that another thread was writing is the parent's to finish
        if inherited < 0:
            return
        with contextlib.suppress(OSError):
            self._descriptor = self._open()
            os.close(inherited)


def is_free(path: Path) -> bool:
    """Whether no living process has this file open as a `LineFile`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
