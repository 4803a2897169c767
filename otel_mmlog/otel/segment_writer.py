"""The one segment that a process has open: whole lines go in, or nothing does."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from otel_mmlog.core.line_check import with_check
from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import open_plain
from otel_mmlog.core.segments import PART, SegmentName, is_at, lock, sealed_path
from otel_mmlog.otel.semconv import JOURNAL_SEGMENT


class ClaimedError(OSError):
    """A sweep for dead segments took a new file before its maker could mark it: make another."""


class SealError(OSError):
    """A segment cannot get its final name, or be removed, yet."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What one write left in the file.

    Attributes:
        whole_bytes: Length of the whole lines that are in the file now.
        error: What stopped the rest, or None if everything is in the file.
    """

    whole_bytes: int
    error: OSError | None = None


class SegmentWriter:
    """An open segment. It has one writer, this process: a forked child must `forget` it."""

    __slots__ = (
        "_begin_with_newline",
        "_fd",
        "_has_head",
        "_has_lines",
        "_head",
        "_identity",
        "opened_ns",
        "path",
        "size_bytes",
    )

    def __init__(
        self,
        folder: Path,
        name: SegmentName,
        opened_ns: int,
        preface: bytes = b"",
        file_mode: int = PRIVATE,
    ) -> None:
        """Make the file, mark it as in use and write its first line, and behind it the preface.

        What the disk does not take of these goes before the first `write`.

        Raises:
            ClaimedError: Another process took the file in between.
            OSError: It cannot be made.
        """
        self.path = folder / f"{name}{PART}"
        self.opened_ns = opened_ns
        self.size_bytes = 0
        self._begin_with_newline = False
        self._has_head = False
        self._has_lines = False
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._fd = open_plain(self.path, flags, file_mode)
        status = os.fstat(self._fd)
        self._identity = (status.st_dev, status.st_ino)
        if not (lock(self._fd) and is_at(self._fd, self.path)):
            self._close()
            raise ClaimedError(f"{self.path} was claimed while it was made")
        self._head = b"".join([first_line(name), *map(with_check, preface.splitlines(keepends=True))])
        self.write(b"")

    @property
    def is_empty(self) -> bool:
        """Whether there is no line but those that it began with."""
        return not self._has_lines

    @property
    def has_vanished(self) -> bool:
        """Whether the file was deleted, so that what is written now would be lost."""
        return os.fstat(self._fd).st_nlink == 0

    def write(self, data: bytes) -> WriteResult:
        """Append lines with one write.

        After a short write the file is cut back to its last whole line; where that fails, the next
        write begins with a newline, so that a torn line costs only itself.
        """
        prefix = b"\n" if self._begin_with_newline else b""
        if not self._has_head:
            prefix += self._head
        payload = prefix + data if prefix else data
        written = 0
        try:
            while written < len(payload):
                written += os.write(self._fd, payload[written:] if written else payload)
        except OSError as error:
            whole = payload.rfind(b"\n", 0, written) + 1
            whole = whole if whole >= len(prefix) else 0
            self._cut(written, whole)
            self._note(whole, len(prefix))
            return WriteResult(max(0, whole - len(prefix)), error)
        self._begin_with_newline = False
        self.size_bytes += written
        self._note(written, len(prefix))
        return WriteResult(len(data))

    def _note(self, whole: int, prefix: int) -> None:
        """Take note of what a write left: so many bytes of whole lines, of which the first are no data."""
        self._has_head = self._has_head or whole >= prefix > 0
        self._has_lines = self._has_lines or whole > prefix

    def _cut(self, written: int, whole: int) -> None:
        """Keep ``whole`` of the bytes that were just written, if nobody has written after them."""
        if whole == written:
            self.size_bytes += written
            self._begin_with_newline = self._begin_with_newline and not written
            return
        try:
            ours = os.fstat(self._fd).st_size == self.size_bytes + written
            if ours:
                os.ftruncate(self._fd, self.size_bytes + whole)
        except OSError:
            ours = False
        self._begin_with_newline = not ours
        self.size_bytes += whole if ours else written

    def seal(self) -> None:
        """Give the file its final name, or remove it if it `is_empty`, and let it go.

        One that was moved or deleted is let go as it is.

        Raises:
            SealError: It stays as it is for now, and marked as in use.
            OSError: It is let go, but the disk did not confirm what it had taken.
        """
        try:
            if self.is_empty:
                self.path.unlink()
            else:
                self.path.rename(sealed_path(self.path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SealError(error.errno, error.strerror, str(self.path)) from None
        self.let_go()

    def let_go(self) -> None:
        """Close the file under the name that it has; the next attempt seals it.

        Raises:
            OSError: The disk did not confirm what it had taken.
        """
        fd, self._fd = self._fd, -1
        os.close(fd)

    def forget(self) -> None:
        """Close the copy that a fork gave to this child; the file and the parent's lock stay as they are."""
        try:
            status = os.fstat(self._fd)
            if (status.st_dev, status.st_ino) == self._identity:
                self._close()
        except OSError:
            pass  # another thread of the parent was closing it when the fork came

    def _close(self) -> None:
        """Close the descriptor of a file with nothing of ours in it."""
        with contextlib.suppress(OSError):
            self.let_go()


def first_line(name: SegmentName) -> bytes:
    """The unique first line of a segment, an OTLP request without points.

    The Collector's file receiver tells files apart by their first 1000 bytes; the resource alone
    may be longer than that, and then the segments of several ranks would be one file to it.
    """
    return (
        f'{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"{JOURNAL_SEGMENT}",'
        f'"value":{{"stringValue":"{name}"}}}}]}},"scopeMetrics":[]}}]}}\n'
    ).encode()
