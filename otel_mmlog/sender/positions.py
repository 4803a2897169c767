"""How far each signal has been delivered in each segment."""

from collections.abc import Iterator, Mapping

from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender.types import SIGNALS, Signal

Offsets = tuple[int, ...]
"""Bytes from the start of a segment, one for each of `SIGNALS`, in that order."""

_NONE: Offsets = (0,) * len(SIGNALS)
_INDEX: Mapping[Signal, int] = {signal: index for index, signal in enumerate(SIGNALS)}


class Positions:
    """Offsets that are always behind a whole line; a segment that is not known is undelivered."""

    __slots__ = ("_offsets",)

    def __init__(self, offsets: Mapping[SegmentName, Offsets] | None = None) -> None:
        self._offsets = dict(offsets or {})

    def __iter__(self) -> Iterator[tuple[SegmentName, Offsets]]:
        """Segments of which something was delivered."""
        return iter(self._offsets.items())

    def offset(self, name: SegmentName, signal: Signal) -> int:
        """Up to where a signal has been delivered."""
        return self._offsets.get(name, _NONE)[_INDEX[signal]]

    def least(self, name: SegmentName) -> int:
        """Up to where every signal has been delivered."""
        return min(self._offsets.get(name, _NONE))

    def most(self, name: SegmentName) -> int:
        """Up to where any signal has been delivered."""
        return max(self._offsets.get(name, _NONE))

    def move(self, name: SegmentName, signal: Signal, offset: int) -> bool:
        """Go on to an offset, never back; True if that is further than before."""
        offsets = list(self._offsets.get(name, _NONE))
        index = _INDEX[signal]
        if offset <= offsets[index]:
            return False
        offsets[index] = offset
        self._offsets[name] = tuple(offsets)
        return True

    def forget(self, name: SegmentName) -> None:
        """Take a segment as undelivered."""
        self._offsets.pop(name, None)
