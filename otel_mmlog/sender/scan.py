"""Goes through a folder's segments, from where each signal is."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender.batches import Filling
from otel_mmlog.sender.chunks import Chunk, Chunks
from otel_mmlog.sender.journal_lines import times_ns
from otel_mmlog.sender.positions import Positions
from otel_mmlog.sender.segment_files import SegmentFile, SegmentFiles
from otel_mmlog.sender.tallies import Backlog
from otel_mmlog.sender.types import SIGNALS, Signal


class Scan:
    """The lines behind given positions.

    Args:
        folder: The rank's folder.
        clock_ns: Time in nanoseconds.
        on_dead: See `SegmentFiles`.
        file_mode: See `SegmentFiles`.

    Attributes:
        files: The segments.
        chunks: What was read of them.
        skipped_lines: Lines that are torn, corrupt or too long.
        unreadable: Segments that could not be read when last tried.
        last_error: Why one of these could not be read, or None.
    """

    def __init__(
        self,
        folder: Path,
        clock_ns: Callable[[], int],
        on_dead: Callable[[Path], object] | None = None,
        file_mode: int = PRIVATE,
    ) -> None:
        self.files = SegmentFiles(folder, clock_ns, on_dead, file_mode)
        self.chunks = Chunks()
        self.skipped_lines = 0
        self.unreadable: set[SegmentName] = set()
        self.last_error: str | None = None
        self._seen: dict[SegmentName, int] = {}

    def refresh(self, positions: Positions, *, probe_now: bool = False) -> None:
        """Look for new segments, and forget the positions in those that are gone."""
        if not self.files.refresh(probe_now=probe_now):
            return
        for name in [name for name, _ in positions if name not in self.files]:
            positions.forget(name)
        self.unreadable = {name for name in self.unreadable if name in self.files}
        self._seen = {name: offset for name, offset in self._seen.items() if name in self.files}
        self.chunks.keep_only(self.files)

    def fill(self, filling: Filling, signal: Signal, positions: Positions, *, live: bool) -> None:
        """Add a signal's lines of the newest attempt, or of older ones, as far as there is room."""
        for file in self.files.of_age(live=live):
            if not self._fill_from(file, filling, signal, positions):
                return

    def backlog(self, positions: Positions) -> Backlog:
        """What lies behind the positions."""
        behind: Counter[Signal] = Counter()
        rests: dict[SegmentFile, int] = {}
        disk_bytes = 0
        for file in self.files:
            size_bytes = self.files.size_bytes(file) or 0
            disk_bytes += size_bytes
            for signal in SIGNALS:
                behind[signal] += max(0, size_bytes - positions.offset(file.name, signal))
            rest_bytes = size_bytes - positions.least(file.name)
            if rest_bytes > 0:
                rests[file] = rest_bytes
        first_of_process = {(file.name.start, file.name.process): file for file in reversed(rests)}
        times = [self._oldest_ns(file, positions) for file in first_of_process.values()]
        return Backlog(
            {signal: behind[signal] for signal in SIGNALS},
            sum(rests.values()),
            len(rests),
            disk_bytes,
            min((time_ns for time_ns in times if time_ns), default=None),
        )

    def _fill_from(self, file: SegmentFile, filling: Filling, signal: Signal, positions: Positions) -> bool:
        """Add a signal's lines of one segment; True if there is room for more."""
        size_bytes = self.files.size_bytes(file)
        if size_bytes is None:
            return True
        start = offset = self._offset(file.name, size_bytes, signal, positions)
        has_room = True
        while has_room and offset < size_bytes and (piece := self._piece(file, signal, offset, positions)):
            lines, chunk_end = piece
            for line, end in lines:
                has_room = filling.add(line)
                if not has_room:
                    break
                offset = end
            else:
                offset = chunk_end
        if offset > start:
            filling.reach(file.name, offset)
        return has_room

    def _offset(self, name: SegmentName, size_bytes: int, signal: Signal, positions: Positions) -> int:
        """Where a signal is in a file: at its start if the file is shorter than what was delivered of it."""
        if positions.most(name) > size_bytes:
            positions.forget(name)
            self.chunks.forget(name)
        return positions.offset(name, signal)

    def _piece(
        self, file: SegmentFile, signal: Signal, offset: int, positions: Positions
    ) -> tuple[Iterator[tuple[bytes, int]], int] | None:
        """A signal's next lines, each with the offset behind it, and up to where there are no others.

        None at the end of the whole lines, and for a file that cannot be read.
        """
        try:
            chunk = self.chunks.at(file, offset)
            lines = self.chunks.lines(file, chunk, signal, offset) if chunk is not None else iter(())
        except FileNotFoundError:
            return None
        except OSError as error:
            self.unreadable.add(file.name)
            self.last_error = f"{file.path}: {error}"
            return None
        self.unreadable.discard(file.name)
        if chunk is None:
            return None
        if chunk.skipped:
            self._count_skipped(file.name, chunk, positions)
        return lines, chunk.end

    def _count_skipped(self, name: SegmentName, chunk: Chunk, positions: Positions) -> None:
        """Count what no signal came by before."""
        seen = self._seen.get(name, positions.most(name))
        self.skipped_lines += sum(end > seen for end in chunk.skipped)
        self._seen[name] = max(seen, chunk.end)

    def _oldest_ns(self, file: SegmentFile, positions: Positions) -> int | None:
        """The time of the first line that waits in a file, as far as one chunk tells."""
        times = []
        for signal in SIGNALS:
            piece = self._piece(file, signal, positions.offset(file.name, signal), positions)
            line, _ = next(piece[0], (b"", 0)) if piece is not None else (b"", 0)
            times.append(times_ns(signal, line))
        return min((oldest for oldest, _ in filter(None, times)), default=None)
