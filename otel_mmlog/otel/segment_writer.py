"""The one segment that a process has open: whole lines go in, or nothing does."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from otel_mmlog.core.segments import PART, SegmentName, is_at, lock, sealed_path
from otel_mmlog.otel.semconv import JOURNAL_SEGMENT


class ClaimedError(OSError):
    """A sweep for dead segments took a new file before its maker could mark it: make another."""


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
        "_first_line_bytes",
        "_identity",
        "opened_ns",
        "path",
        "size_bytes",
    )

    def __init__(self, folder: Path, name: SegmentName, opened_ns: int, preface: bytes = b"") -> None:
        """Make the file, mark it as in use and write its first line, and behind it the preface.

        Raises:
            ClaimedError: Another process took the file in between.
            OSError: One of these failed; no file is left behind.
        """
        self.path = folder / f"{name}{PART}"
        self.opened_ns = opened_ns
        self.size_bytes = 0
        self._begin_with_newline = False
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self.path, flags, 0o600)
        status = os.fstat(self._fd)
        self._identity = (status.st_dev, status.st_ino)
        self._first_line_bytes = 0
        if not (lock(self._fd) and is_at(self._fd, self.path)):
            self._close()
            raise ClaimedError(f"{self.path} was claimed while it was made")
        result = self.write(first_line(name) + preface)
        if result.error is not None:
            self.discard()
            raise result.error
        self._first_line_bytes = self.size_bytes

    @property
    def is_empty(self) -> bool:
        """Whether there is no line but the first."""
        return self.size_bytes <= self._first_line_bytes

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
        payload = prefix + data if prefix else data
        written = 0
        try:
            while written < len(payload):
                written += os.write(self._fd, payload[written:] if written else payload)
        except OSError as error:
            whole = payload.rfind(b"\n", 0, written) + 1
            self._cut(written, whole)
            return WriteResult(max(0, whole - len(prefix)), error)
        self._begin_with_newline = False
        self.size_bytes += written
        return WriteResult(len(data))

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
        """Give the file its final name and let it go."""
        try:
            self.path.rename(sealed_path(self.path))
        except OSError:
            pass  # moved or deleted by someone else, or recovered later by its .part name
        finally:
            self._close()

    def discard(self) -> None:
        """Remove a file that holds no line."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            pass  # it holds nothing: a left-over costs a reader one line
        finally:
            self._close()

    def forget(self) -> None:
        """Close the copy that a fork gave to this child; the file and the parent's lock stay as they are."""
        try:
            status = os.fstat(self._fd)
            if (status.st_dev, status.st_ino) == self._identity:
                self._close()
        except OSError:
            pass  # another thread of the parent was closing it when the fork came

    def _close(self) -> None:
        """Let the descriptor go, and its number with it: the next file that is opened may get it."""
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):  # a network file system may report an old write's error here
            os.close(fd)


def first_line(name: SegmentName) -> bytes:
    """The unique first line of a segment, an OTLP request without points.

    The Collector's file receiver tells files apart by their first 1000 bytes; the resource alone
    may be longer than that, and then the segments of several ranks would be one file to it.
    """
    return (
        f'{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"{JOURNAL_SEGMENT}",'
        f'"value":{{"stringValue":"{name}"}}}}]}},"scopeMetrics":[]}}]}}\n'
    ).encode()
