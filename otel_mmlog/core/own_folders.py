"""Makes the folders that a run has for itself, and takes none that another user has put in their place."""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
"""The mode of files that only their owner uses."""

_ROOT: Final = 0
_NOBODY: Final = 65534  # whom a network file system makes of root


def make_folder(path: Path, file_mode: int = PRIVATE, levels: int = 1) -> None:
    """Make a folder unless it is there, and those above it as `make_above` does.

    Args:
        path: The folder.
        file_mode: Of the files in it: who may read them may look into the folder, whatever the umask is, also where
            this user has made it before. See `is_trusted`.
        levels: How many folders, this one included, are the run's own.

    Raises:
        OSError: It cannot be made, or one of ``levels`` is no folder, or not to be trusted.
    """
    if levels > 1:
        make_folder(path.parent, file_mode, levels - 1)
    else:
        make_above(path.parent, file_mode)
    try:
        path.mkdir(_folder_mode(file_mode))
    except FileExistsError:
        _require_own(path, file_mode)
    _widen(path, file_mode)


def make_above(path: Path, file_mode: int = PRIVATE) -> None:
    """Make what is missing of a path as the umask has it, and so that who may read the files can get at them.

    Raises:
        OSError: It cannot be made.
    """
    if path.is_dir():
        return
    make_above(path.parent, file_mode)
    try:
        path.mkdir()
    except FileExistsError:
        _require_folder(path)  # another rank may have been first
    else:
        _widen(path, file_mode)


def is_own(path: Path, file_mode: int = PRIVATE) -> bool:
    """Whether a path is a folder that `is_trusted`, or this user's or root's link to one.

    Raises:
        OSError: It has just gone.
    """
    if not path.is_dir() or not is_trusted(path.stat(), path.parent.stat(), file_mode):
        return False
    return not path.is_symlink() or path.lstat().st_uid in _user()


def is_trusted(status: os.stat_result, folder: os.stat_result, file_mode: int) -> bool:
    """Whether something in a folder is as good as one's own.

    It is if it belongs to this user, to root or to the folder's owner. Where files are made for the group to write,
    so is what belongs to a group of this user, in a folder that not everybody may write to.
    """
    if status.st_uid in {folder.st_uid, *_user()}:
        return True
    is_shared = file_mode & stat.S_IWGRP and not folder.st_mode & stat.S_IWOTH
    return bool(is_shared) and status.st_gid in {os.getegid(), *os.getgroups()}


def _user() -> set[int]:
    user = os.geteuid()
    return {user, _ROOT, *([_NOBODY] if user == _ROOT else [])}


def _folder_mode(file_mode: int) -> int:
    return file_mode | 0o100 | (file_mode & 0o044) >> 2


def _widen(path: Path, file_mode: int) -> None:
    """Add what is missing of a mode, where the folder is this user's and its file system has modes."""
    mode = _folder_mode(file_mode)
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if status.st_mode & mode != mode and status.st_uid == os.geteuid():
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode) | mode)
        finally:
            os.close(descriptor)


def _require_folder(path: Path) -> None:
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def _require_own(path: Path, file_mode: int) -> None:
    _require_folder(path)
    if not is_own(path, file_mode):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
