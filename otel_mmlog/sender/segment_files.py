"""The segments in a journal folder: which there are, which may still grow, and their end."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import open_plain
from otel_mmlog.core.segments import PART, SegmentName, claim, parse_name, sealed_path, segment_paths

_PROBE_NS: Final = 1_000_000_000
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A segment as it was last seen.

    Attributes:
        name: The name without ``.part``.
        path: Where it is.
        is_final: Whether it will not grow: it is sealed, or its writer is dead.
        file_mode: Of the run's files; see `is_trusted`.
    """

    name: SegmentName
    path: Path
    is_final: bool
    file_mode: int = PRIVATE

    @property
    def is_sealed(self) -> bool:
        """Whether it has its final name."""
        return self.path.suffix != PART


class SegmentFiles:
    """The segments of one folder, as of the last `refresh`.

    Args:
        folder: The rank's folder; it need not exist.
        clock_ns: Time in nanoseconds.
        on_dead: Called with the folder in place of the removal of an open segment whose writer is dead; what it
            seals is removed later. None to remove such a segment at once.
        file_mode: Of the run's files; see `is_trusted`.

    Attributes:
        vanished: Segments that somebody else removed.
        listing_errors: How often the folder could not be read.
    """

    def __init__(
        self,
        folder: Path,
        clock_ns: Callable[[], int],
        on_dead: Callable[[Path], object] | None = None,
        file_mode: int = PRIVATE,
    ) -> None:
        self._folder = folder
        self._file_mode = file_mode
        self._on_dead = on_dead
        self._clock_ns = clock_ns
        self._files: dict[SegmentName, SegmentFile] = {}
        self._sizes: dict[SegmentName, int] = {}
        self._dead: set[SegmentName] = set()
        self._probed_ns: dict[SegmentName, int] = {}
        self._newest_start = ""
        self.vanished = 0
        self.listing_errors = 0

    def __iter__(self) -> Iterator[SegmentFile]:
        """All segments, oldest first."""
        return iter(self._files.values())

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def refresh(self, *, probe_now: bool = False) -> bool:
        """Look at the folder again; False if it cannot be read, and everything stays as it was.

        Args:
            probe_now: Find out now, not within a second, whether writers have died.
        """
        try:
            paths = segment_paths(self._folder)
        except FileNotFoundError:
            paths = []
        except OSError:
            self.listing_errors += 1  # what was there may still be there
            return False
        found: dict[SegmentName, Path] = {}
        for path in paths:
            name = parse_name(path.name)
            if name is not None:
                found.setdefault(name, path)
        gone = self._find_missing(found)
        self._files = {name: self._file(name, found[name], probe_now=probe_now) for name in sorted(found)}
        self._newest_start = max((self._newest_start, *(name.start for name in found)))
        for name in gone:
            self._drop(name)
        self.vanished += len(gone)
        return True

    def of_age(self, *, live: bool) -> list[SegmentFile]:
        """The segments of the newest attempt, or those of the older ones, in the order to read them in."""
        return [file for file in self if (file.name.start == self._newest_start) == live]

    def size_bytes(self, file: SegmentFile) -> int | None:
        """The length of a segment; None if it cannot be told."""
        if file.name in self._sizes:
            return self._sizes[file.name]
        try:
            status = _either_path(file.path).stat(follow_symlinks=False)
        except OSError:
            return None
        if file.is_sealed:
            self._sizes[file.name] = status.st_size
        return status.st_size

    def remove(self, file: SegmentFile, delivered_bytes: int) -> bool:
        """Remove a segment that nobody writes to and that holds no more than what was delivered; True if it is gone.

        Raises:
            OSError: It cannot be removed.
        """
        if file.is_sealed:
            try:
                if not _holds_at_most(delivered_bytes, file.path.stat(follow_symlinks=False)):
                    return False
                file.path.unlink()
            except FileNotFoundError:
                return False
        else:
            with claim(file.path, self._file_mode) as fd:
                if fd is None or not _holds_at_most(delivered_bytes, os.fstat(fd)):
                    return False
                if self._on_dead is None:
                    file.path.unlink()
            if self._on_dead is not None:
                self._on_dead(self._folder)
                return False
        del self._files[file.name]
        self._drop(file.name)
        return True

    def _find_missing(self, found: dict[SegmentName, Path]) -> list[SegmentName]:
        """Known segments that a listing lacks; one that was renamed meanwhile is added to it."""
        gone = []
        for name, file in self._files.items():
            if name not in found:
                path = _either_path(file.path)
                if path.exists():
                    found[name] = path
                else:
                    gone.append(name)
        return gone

    def _file(self, name: SegmentName, path: Path, *, probe_now: bool) -> SegmentFile:
        is_final = path.suffix != PART or self._is_dead(name, path, probe_now=probe_now)
        return SegmentFile(name, path, is_final, self._file_mode)

    def _is_dead(self, name: SegmentName, path: Path, *, probe_now: bool) -> bool:
        """Whether nobody holds the lock of an open segment.

        Asked rarely: a process that looks for dead segments at the same moment takes our lock for the writer's.
        """
        if name in self._dead:
            return True
        now_ns = self._clock_ns()
        if not probe_now and abs(now_ns - self._probed_ns.get(name, -_PROBE_NS)) < _PROBE_NS:
            return False
        self._probed_ns[name] = now_ns
        with claim(path, self._file_mode) as fd:
            # An empty file may be so new that its writer is about to lock it.
            if fd is not None and os.fstat(fd).st_size:
                self._dead.add(name)
        return name in self._dead

    def _drop(self, name: SegmentName) -> None:
        self._dead.discard(name)
        self._sizes.pop(name, None)
        self._probed_ns.pop(name, None)


@contextlib.contextmanager
def opened(file: SegmentFile) -> Iterator[int]:
    """A descriptor to read a segment with, also if it was sealed meanwhile.

    Raises:
        OSError: It is gone, may not be read, or is not a plain file.
    """
    try:
        fd = open_plain(file.path, _OPEN_FLAGS, file.file_mode)
    except FileNotFoundError:
        fd = open_plain(sealed_path(file.path), _OPEN_FLAGS, file.file_mode)
    try:
        yield fd
    finally:
        os.close(fd)


def _either_path(path: Path) -> Path:
    """The path itself, or the one it has once it is sealed if that is there alone."""
    return path if path.exists() else sealed_path(path)


def _holds_at_most(size_bytes: int, status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size <= size_bytes
