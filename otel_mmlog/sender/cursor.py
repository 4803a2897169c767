"""The file that remembers what was delivered, and that one sender at a time may hold.

Each line is a CRC-32 and all positions, and the last valid line counts::

    5b1f2c0e {"20260821T025841_123456-9f86d081.0003.jsonl":[81920,65536,0]}
"""

import contextlib
import json
import os
import zlib
from pathlib import Path
from typing import Any, Final

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import open_plain, read_plain
from otel_mmlog.core.segments import SegmentName, is_at, lock, parse_name
from otel_mmlog.sender.positions import Offsets, Positions
from otel_mmlog.sender.types import SIGNALS

CURSOR: Final = "cursor"

_COMPACT_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 4 * 1024 * 1024
_CRC_CHARS: Final = 8
_MAX_OFFSET: Final = 2**63
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW


class Cursor:
    """The cursor of one journal folder.

    Losing it, or any part of it, is safe: what was delivered since then is delivered again.
    """

    __slots__ = ("_fd", "_file_mode", "_path", "_rewrite", "_size_bytes")

    def __init__(self, folder: Path, file_mode: int = PRIVATE) -> None:
        self._file_mode = file_mode
        self._path = folder / CURSOR
        self._fd = -1
        self._size_bytes = 0
        self._rewrite = True

    @property
    def is_held(self) -> bool:
        """Whether this object has the lock."""
        return self._fd >= 0

    def try_lock(self) -> bool:
        """Take the lock until `close`; False if another sender has it.

        Raises:
            OSError: The file cannot be opened or made.
        """
        while not self.is_held:
            fd = open_plain(self._path, _FLAGS, self._file_mode)
            if not lock(fd):
                os.close(fd)
                return False
            if is_at(fd, self._path):  # else its holder has just replaced it
                self._fd, self._rewrite = fd, True
            else:
                os.close(fd)
        return True

    def load(self) -> Positions:
        """The positions of the last valid line; none if there is no such line."""
        try:
            with read_plain(self._path, mode=self._file_mode) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _READ_BYTES))
                lines = file.read(_READ_BYTES).split(b"\n")
        except OSError:
            return Positions()
        decoded = (decode(line) for line in reversed(lines))
        return next((positions for positions in decoded if positions is not None), Positions())

    def write(self, positions: Positions) -> None:
        """Make these the positions that `load` returns, also in another process; needs the lock.

        Raises:
            OSError: They could not be written; those before still count.
        """
        line = encode(positions)
        too_long = self._size_bytes + len(line) > max(_COMPACT_BYTES, 4 * len(line))
        if self._rewrite or too_long or os.fstat(self._fd).st_nlink == 0:
            self._replace(line)
            return
        try:
            _write_whole(self._fd, line)
        except OSError:
            self._rewrite = True  # part of the line may be there
            raise
        self._size_bytes += len(line)

    def close(self) -> None:
        """Let the lock go."""
        if self.is_held:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _replace(self, line: bytes) -> None:
        """Make a file of this one line, locked before it takes the old one's place."""
        path = self._path.with_name(f"{CURSOR}.new")
        fd = open_plain(path, _FLAGS | os.O_TRUNC, self._file_mode)
        try:
            if not lock(fd):
                raise BlockingIOError(f"{path} is in use")
            _write_whole(fd, line)
            path.rename(self._path)
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        os.close(self._fd)
        self._fd, self._size_bytes, self._rewrite = fd, len(line), False


def encode(positions: Positions) -> bytes:
    """Positions as a line."""
    offsets = {str(name): each for name, each in positions}
    text = json.dumps(offsets, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Positions | None:
    """The positions of a line without its newline; None if a byte of it is wrong."""
    text = line[_CRC_CHARS + 1 :]
    if line[: _CRC_CHARS + 1] != b"%08x " % zlib.crc32(text):
        return None
    try:
        entries: dict[str, Any] = json.loads(text)
        return Positions({_name(key): _offsets(value) for key, value in entries.items()})
    except (ValueError, AttributeError, TypeError):
        return None


def _name(text: str) -> SegmentName:
    """Raises ValueError for anything but a name."""
    name = parse_name(text)
    if name is None:
        raise ValueError(f"{text!r} is not the name of a segment")
    return name


def _offsets(value: Any) -> Offsets:
    """Raises ValueError or TypeError for anything but offsets."""
    offsets = tuple(value)
    if len(offsets) != len(SIGNALS) or not all(
        type(offset) is int and 0 <= offset < _MAX_OFFSET for offset in offsets
    ):
        raise ValueError(f"{value!r} are not offsets")
    return offsets


def _write_whole(fd: int, line: bytes) -> None:
    """Raises OSError if not all of it was written."""
    if os.write(fd, line) != len(line):
        raise OSError("the cursor was written in part: no space left?")
