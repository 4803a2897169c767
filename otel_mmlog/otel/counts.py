"""What became of every item that a journal was given."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from otel_mmlog.otel.lines import EncodedLine, Signal

Reason = Literal[
    "too_large",  # a line of 512 KiB or more
    "cap",  # the folder has used up this signal's share of the cap
    "low_space",  # the disk has less left than the journal must leave free
    "no_space",  # the disk, a quota or a file size limit said no
    "unwritable",  # the folder or a file in it cannot be made
    "io_error",  # the disk failed in any other way
    "closed",  # the journal was closed before
    "interrupted",  # an exception, such as KeyboardInterrupt, came in the middle
]


@dataclass(frozen=True, slots=True)
class JournalStats:
    """A journal's counts since it was made, or in a forked child since the fork.

    ``produced[s] == journaled[s] + sum of refused[s, ...]`` for each signal. Counts are items:
    points, log records and spans.

    Attributes:
        produced: Items that were given to the journal.
        journaled: Items that are in its files.
        refused: Items that are not, by signal and reason.
        written_bytes: Bytes of whole lines in its files, the segments' first lines included.
        segments: Files that it has opened.
        unreported: Faults whose callback raised.
        unconfirmed: How often the disk did not confirm what it had taken (fsync, close).
    """

    produced: Mapping[Signal, int]
    journaled: Mapping[Signal, int]
    refused: Mapping[tuple[Signal, Reason], int]
    written_bytes: int
    segments: int
    unreported: int
    unconfirmed: int = 0


class Counts:
    """The running counts behind `JournalStats`; the journal's lock guards them."""

    __slots__ = ("journaled", "produced", "refused", "segments", "unconfirmed", "unreported", "written_bytes")

    def __init__(self) -> None:
        """Start at zero."""
        self.produced: Counter[Signal] = Counter()
        self.journaled: Counter[Signal] = Counter()
        self.refused: Counter[tuple[Signal, Reason]] = Counter()
        self.written_bytes = 0
        self.segments = 0
        self.unreported = 0
        self.unconfirmed = 0

    def produce(self, lines: Iterable[EncodedLine]) -> None:
        """Count lines that were handed over."""
        for line in lines:
            self.produced[line.signal] += line.items

    def journal(self, lines: Iterable[EncodedLine]) -> None:
        """Count lines that are in the file."""
        for line in lines:
            self.journaled[line.signal] += line.items

    def refuse(self, lines: Iterable[EncodedLine], reason: Reason) -> None:
        """Count lines that will never be in the file."""
        for line in lines:
            self.refused[line.signal, reason] += line.items

    def split(self, lines: Iterable[EncodedLine], whole_bytes: int, reason: Reason) -> None:
        """Count the lines of a write of which only the first bytes are in the file."""
        end_bytes = 0
        for line in lines:
            end_bytes += line.size_bytes
            if end_bytes <= whole_bytes:
                self.journal((line,))
            else:
                self.refuse((line,), reason)

    def refuse_rest(self, waiting: Iterable[Iterable[EncodedLine]], reason: Reason) -> None:
        """Count as refused what an exception left uncounted, apart from lines that still wait."""
        rest = self.produced.copy()
        rest.subtract(self.journaled)
        for (signal, _), items in self.refused.items():
            rest[signal] -= items
        for line in chain.from_iterable(waiting):
            rest[line.signal] -= line.items
        for signal, items in rest.items():
            if items > 0:
                self.refused[signal, reason] += items

    def snapshot(self) -> JournalStats:
        """The counts as they are now."""
        return JournalStats(
            produced=dict(self.produced),
            journaled=dict(self.journaled),
            refused=dict(self.refused),
            written_bytes=self.written_bytes,
            segments=self.segments,
            unreported=self.unreported,
            unconfirmed=self.unconfirmed,
        )
