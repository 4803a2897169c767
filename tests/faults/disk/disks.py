"""File systems of a test's own, as far as the machine lets us make them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NOT_MADE: Final = "not made: needs root, to mount a tmpfs"


@contextmanager
def small_disk(folder: Path, size: str, *options: str) -> Iterator[bool]:
    """A file system in memory at a folder, until the end; False where it cannot be had.

    Args:
        folder: Made for it.
        size: As mount has it: ``100m``.
        options: Others of mount, such as ``ro``.
    """
    folder.mkdir(parents=True)
    words = ",".join([f"size={size}", *options])
    mount = shutil.which("mount")
    if mount is None or not _done([mount, "-t", "tmpfs", "-o", words, "tmpfs", str(folder)]):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def bound_by_modes() -> Sequence[str] | None:
    """What a command line begins with so that modes of files bind its process, too; None where that cannot be had."""
    if os.geteuid() != 0:
        return ()
    command = ("setpriv", "--bounding-set", "-dac_override")
    return command if shutil.which("setpriv") and _done([*command, "true"]) else None


def _done(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
