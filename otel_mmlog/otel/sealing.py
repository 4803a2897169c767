"""Segments that are to be sealed, until the disk lets us."""

from collections.abc import Callable

from otel_mmlog.otel.faults import RETRY_NS
from otel_mmlog.otel.segment_writer import SealError, SegmentWriter


class Sealing:
    """Keeps what cannot be renamed marked as in use: else a reader would take its process for dead, and end its spans.

    Args:
        on_unconfirmed: Gets the error when the disk does not confirm, at the end of a file, what it had taken.
    """

    def __init__(self, on_unconfirmed: Callable[[OSError], None]) -> None:
        self._waiting: list[SegmentWriter] = []
        self._tried_ns = 0
        self._on_unconfirmed = on_unconfirmed

    def seal(self, segment: SegmentWriter, now_ns: int) -> None:
        """Seal a segment, or keep it for the next time; those that wait come first."""
        self._waiting.append(segment)
        self._try(now_ns)

    def is_stuck(self, now_ns: int) -> bool:
        """Whether one waits, after a try a second: then the open one had better grow than wait, too."""
        if self._waiting and abs(now_ns - self._tried_ns) >= RETRY_NS:
            self._try(now_ns)
        return bool(self._waiting)

    def take_empty(self) -> SegmentWriter | None:
        """One that waits without a line, to be used again, or None."""
        segment = next((each for each in self._waiting if each.is_empty), None)
        if segment is not None:
            self._waiting.remove(segment)
        return segment

    def _try(self, now_ns: int) -> None:
        self._tried_ns = now_ns
        waiting, self._waiting = self._waiting, []
        for segment in waiting:
            try:
                segment.seal()
            except SealError:
                self._waiting.append(segment)
            except OSError as error:
                self._on_unconfirmed(error)

    def let_go(self) -> None:
        """Close what could not be sealed: the process is about to end, and the next attempt seals it."""
        waiting, self._waiting = self._waiting, []
        for segment in waiting:
            try:
                segment.let_go()
            except OSError as error:
                self._on_unconfirmed(error)

    def forget(self) -> None:
        """Close the copies that a fork gave to this child."""
        for segment in self._waiting:
            segment.forget()
