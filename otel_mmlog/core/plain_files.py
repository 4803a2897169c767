"""Opens files of which anything may have taken the place.

A pipe or a device must neither block nor swallow, and what another user put there, a link or a file of his, must
neither get what is written nor be changed by it.
"""

import contextlib
import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from otel_mmlog.core.own_folders import PRIVATE, is_trusted


def open_plain(path: Path, flags: int, mode: int = PRIVATE) -> int:
    """A descriptor of a plain file, as `os.open` gives it; it is not inherited, and no symbolic link is followed.

    Args:
        path: The file.
        flags: Those of `os.open`.
        mode: Of the run's files, and so of a new one, whatever the umask is; see `is_trusted`.

    Raises:
        OSError: There is something else, which stays as it is; or whatever opening raises.
    """
    folder = path.parent.stat()
    # Without O_NONBLOCK a named pipe would make its opener wait for the other side.
    flags |= os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    descriptor = os.open(path, flags & ~os.O_TRUNC, mode)
    try:
        status = os.fstat(descriptor)
        _check(status, folder, mode, path)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
        if flags & os.O_CREAT and not status.st_size and status.st_mode & mode != mode:
            with contextlib.suppress(OSError):  # there are file systems that have no modes
                os.fchmod(descriptor, mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_plain(path: Path, flags: int = 0, mode: int = PRIVATE) -> BufferedReader:
    """A plain file, open for reading.

    Raises:
        OSError: See `open_plain`.
    """
    return os.fdopen(open_plain(path, os.O_RDONLY | flags, mode), "rb")


def _check(status: os.stat_result, folder: os.stat_result, mode: int, path: Path) -> None:
    """Raises OSError for what is no plain file, or not of this user."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EEXIST, "not a plain file", str(path))
    if not is_trusted(status, folder, mode):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    # Who may write to the folder may have given a file from elsewhere this name.
    is_open = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or folder.st_uid not in (os.geteuid(), 0)
    if status.st_nlink > 1 and is_open:
        raise PermissionError(errno.EPERM, "it has a second name (a hard link)", str(path))
