"""A sender's words: a small file beside the journal that never grows without bound."""

import contextlib
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from otel_mmlog.core.escape import escape
from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import open_plain

WORDS: Final = "sender.log"
MAX_BYTES: Final = 256 * 1024

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW


def open_words(folder: Path, file_mode: int = PRIVATE) -> int:
    """A descriptor of the file, which is begun anew, and the old one kept beside it, once it is large.

    Raises:
        OSError: It cannot be opened.
    """
    path = folder / WORDS
    with contextlib.suppress(OSError):
        if path.stat(follow_symlinks=False).st_size > MAX_BYTES:
            path.replace(path.with_name(f"{WORDS}.1"))
    return open_plain(path, _FLAGS, file_mode)


class Words:
    """Writes sentences to a descriptor that leads to the file of `open_words`.

    Whatever else writes to it, as a library in C does, is bounded with it.

    Args:
        folder: Where the file is.
        fd: Leads to it; after a rotation the same number leads to the new file.
        clock_ns: Unix time in nanoseconds.
        file_mode: Of a new file.

    Attributes:
        unsaid: Sentences that the disk did not take.
    """

    def __init__(self, folder: Path, fd: int, clock_ns: Callable[[], int], file_mode: int = PRIVATE) -> None:
        self._folder = folder
        self._fd = fd
        self._clock_ns = clock_ns
        self._file_mode = file_mode
        self.unsaid = 0

    def say(self, text: str) -> None:
        """Write a sentence with time and process; never raises."""
        moment = datetime.fromtimestamp(self._clock_ns() / 1e9, tz=timezone.utc)
        line = f"{moment:%Y-%m-%dT%H:%M:%SZ} [{os.getpid()}] {escape(text)}\n"
        try:
            status = os.fstat(self._fd)
            if status.st_size > MAX_BYTES or status.st_nlink == 0:
                self._rotate()
            os.write(self._fd, line.encode("utf-8", "replace"))
        except OSError:
            self.unsaid += 1

    def _rotate(self) -> None:
        """Raises OSError if the new file cannot be opened."""
        fd = open_words(self._folder, self._file_mode)
        os.dup2(fd, self._fd, inheritable=False)
        os.close(fd)
