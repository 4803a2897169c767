"""A disk that fails on command for the processes that are started with its `variables`; see ``disk_shim.c``."""

import errno
import mmap
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

Call = Literal["open", "write", "fsync", "rename", "unlink", "close", "truncate", "mkdir", "read"]

ERRORS: Final[Mapping[str, int]] = {
    name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EDQUOT", "EROFS")
}
"""What disks fail with."""

CALLS: Final[tuple[Call, ...]] = (
    *("open", "write", "fsync", "rename", "unlink", "close", "truncate", "mkdir", "read"),
)  # fmt: skip
EVERY_CHANGE: Final[tuple[Call, ...]] = ("open", "write", "fsync", "rename", "unlink", "truncate", "mkdir")
NOT_MADE: Final = "not made: needs a C compiler (cc) and LD_PRELOAD"

_SHIM: Final = Path(__file__).with_name("disk_shim.c")
_HEAD: Final = struct.Struct("=Ii")
_MADE: Final = struct.Struct("=Q")
_PATHS: Final = struct.Struct("=496s256s256s")
_building = threading.Lock()


class FailingDisk:
    """The controls.

    Args:
        folder: Where the control file and the library are kept; faults below it are asked for by path.

    Attributes:
        variables: What a process needs in its environment.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        control = folder / "control"
        control.write_bytes(bytes(_HEAD.size + _MADE.size + _PATHS.size))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 0)
        self.variables = {"LD_PRELOAD": str(_library(folder)), "DISK_FAULTS": str(control)}

    @property
    def made(self) -> int:
        """How many calls failed so far."""
        return int(_MADE.unpack_from(self._control, _HEAD.size)[0])

    def fail(self, calls: tuple[Call, ...], error: int, path: Path, part: str = "", but: str = "") -> None:
        """From now on these calls fail.

        Args:
            calls: Which.
            error: The errno.
            path: What the names of the files begin with.
            part: What they have in them, too.
            but: What they do not have in them; empty for no such files.
        """
        names = (str(path).encode(), part.encode(), but.encode())
        _PATHS.pack_into(self._control, _HEAD.size + _MADE.size, *names)
        _HEAD.pack_into(self._control, 0, sum(1 << CALLS.index(call) for call in calls), error)

    def heal(self) -> None:
        """From now on everything works."""
        _HEAD.pack_into(self._control, 0, 0, 0)

    @contextmanager
    def failing(
        self, calls: tuple[Call, ...], error: int, path: Path, part: str = "", but: str = ""
    ) -> Iterator[None]:
        """`fail`, and `heal` at the end."""
        self.fail(calls, error, path, part, but)
        try:
            yield
        finally:
            self.heal()


def can_fail() -> bool:
    """Whether there is a compiler for the library."""
    return shutil.which("cc") is not None


def _library(folder: Path) -> Path:
    library = folder / "disk_shim.so"
    with _building:
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SHIM), "-ldl"], check=True, timeout=60
        )
    return library
