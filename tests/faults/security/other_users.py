"""Another user of the machine, who is real: what he puts into a shared folder, and what he can read there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OTHER, VICTIM = 12345, 12346
"""Ids that nobody has."""

NEEDS_ROOT = "not made: it takes root to be several users"


def can_be_several() -> bool:
    """Whether this process may start others as other users."""
    return os.geteuid() == 0


@contextmanager
def shared_folder(owner: int = 0, mode: int = 0o1777) -> Iterator[Path]:
    """A folder that every user can get at; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="shared"))
    try:
        os.chown(folder, owner, owner)
        folder.chmod(mode)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def by_other(script: str, folder: Path, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Have the other user run a shell script in a folder, with something on its standard input."""
    return subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        user=OTHER,
        group=OTHER,
        extra_groups=[],
        umask=0,
        input=given,
        capture_output=True,
        timeout=20,
        check=False,
    )


def readable_by_other(folder: Path) -> bytes:
    """Everything that the other user can read below a folder."""
    return by_other("find . -type f -exec cat {} + 2>/dev/null", folder).stdout
