"""Makes the folders that a run has for itself, and takes none that another user has put in their place."""

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
    """Make a folder unless it is there; what is above it and missing is made as the umask has it.

    Args:
        path: The folder.
        file_mode: Of the files in it: who may read them may look into a new folder, whatever the umask is. Where the
            group may write, a folder of any other user is taken.
        levels: How many folders, this one included, are the run's own.

    Raises:
        OSError: It cannot be made, or one of ``levels`` is no folder, or not one of `owners`.
    """
    if levels > 1:
        make_folder(path.parent, file_mode, levels - 1)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    mode = file_mode | 0o100 | (file_mode & 0o044) >> 2
    try:
        path.mkdir(mode)
    except FileExistsError:
        _require_own(path, mode)
    else:
        made = stat.S_IMODE(path.stat().st_mode)
        if made & mode != mode:
            path.chmod(made | mode)


def is_own(path: Path) -> bool:
    """Whether a path is a folder of `owners`, or this user's or root's link to one.

    Raises:
        OSError: It has just gone.
    """
    if not path.is_dir() or path.stat().st_uid not in owners(path.parent.stat()):
        return False
    return not path.is_symlink() or path.lstat().st_uid in _user()


def owners(folder: os.stat_result) -> set[int]:
    """Whose files in a folder are as good as one's own: this user's, root's, and those of the folder's owner."""
    return {folder.st_uid, *_user()}


def _user() -> set[int]:
    user = os.geteuid()
    return {user, _ROOT, *([_NOBODY] if user == _ROOT else [])}


def _require_own(path: Path, mode: int) -> None:
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not mode & stat.S_IWGRP and not is_own(path):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
