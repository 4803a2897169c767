"""What one request carries: lines of one signal that belong together."""

from dataclasses import dataclass

from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender.journal_lines import count_items, times_ns
from otel_mmlog.sender.types import Signal


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a batch goes in each segment that it is from: opaque to all but the reader."""

    ends: tuple[tuple[SegmentName, int], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines to send.

    Attributes:
        signal: Whose requests the lines are.
        lines: OTLP JSON requests, each with its newline.
        items: Points, log records or spans in them.
        size_bytes: The lines' length together.
        oldest_ns: Unix time of the oldest item in nanoseconds.
        newest_ns: Unix time of the newest.
        live: Whether they are of the newest attempt in the folder.
        end: What `JournalReader.acknowledge` needs.
    """

    signal: Signal
    lines: tuple[bytes, ...]
    items: int
    size_bytes: int
    oldest_ns: int
    newest_ns: int
    live: bool
    end: Mark


class Filling:
    """A batch while lines are added.

    Args:
        signal: Whose lines they are.
        max_bytes: Their length together at most; one line may be longer.
        max_spread_ns: What lies between the oldest and the newest item at most, but for those of one line.
        now_ns: The time of lines that tell none.
    """

    __slots__ = ("_ends", "_items", "_lines", "_max_bytes", "_max_spread_ns", "_newest", "_now", "_oldest",
                 "_signal", "size_bytes")  # fmt: skip

    def __init__(self, signal: Signal, *, max_bytes: int, max_spread_ns: int, now_ns: int) -> None:
        self._signal: Signal = signal
        self._max_bytes = max_bytes
        self._max_spread_ns = max_spread_ns
        self._now = now_ns
        self._lines: list[bytes] = []
        self._ends: dict[SegmentName, int] = {}
        self._items = 0
        self._oldest = self._newest = 0
        self.size_bytes = 0

    def __bool__(self) -> bool:
        """Whether it has lines."""
        return bool(self._lines)

    @property
    def mark(self) -> Mark:
        """Up to where it goes."""
        return Mark(tuple(self._ends.items()))

    def add(self, line: bytes) -> bool:
        """Take a line; False if it has to wait for the next batch."""
        oldest, newest = times_ns(self._signal, line) or (self._now, self._now)
        if self._lines:
            if self.size_bytes + len(line) > self._max_bytes:
                return False
            oldest, newest = min(oldest, self._oldest), max(newest, self._newest)
            if newest - oldest > self._max_spread_ns:
                return False
        self._oldest, self._newest = oldest, newest
        self._lines.append(line)
        self._items += count_items(self._signal, line)
        self.size_bytes += len(line)
        return True

    def reach(self, name: SegmentName, offset: int) -> None:
        """Note that everything up to an offset is in it, or is of no concern to its signal."""
        self._ends[name] = offset

    def batch(self, *, live: bool) -> Batch | None:
        """What was added, or None if that is nothing."""
        if not self._lines:
            return None
        return Batch(
            self._signal,
            tuple(self._lines),
            self._items,
            self.size_bytes,
            self._oldest,
            self._newest,
            live,
            self.mark,
        )
