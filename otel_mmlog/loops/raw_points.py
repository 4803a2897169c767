"""Every raw value with the time of its own step, for ``steps="every"``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.hub_view import HubFace
from otel_mmlog.core.items_now import items_now
from otel_mmlog.core.record import RawSeries

_MANY = 1000
_FULL = 100_000


@dataclass(slots=True)
class Note:
    """Which values of a scalar are new.

    Attributes:
        stop: How many values it had behind the last of them.
        times_ns: Of each the Unix time in nanoseconds.
    """

    stop: int
    times_ns: list[int] = field(default_factory=list)


Notes = Mapping[str, Note]
"""Key of the hub -> its new values."""


class RawPoints:
    """Notes at each step how many values there are, and reads the new ones when a record does.

    Two updates of a scalar in one step lie one nanosecond apart.

    Args:
        hub: Whose values are sent.
        send: Takes the new values of all scalars that have some.
    """

    def __init__(self, hub: MessageHub, send: Callable[[list[RawSeries]], None]) -> None:
        self._hub = hub
        self._send = send
        self._totals: dict[str, int] = {}
        self._notes: dict[str, Note] = {}
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether so many values are noted that they must not become more."""
        return self._count >= _FULL

    def collect(self, now_ns: int) -> bool:
        """Note the values that came since the last call as those of one step; whether there are many by now."""
        totals = self._totals
        for key, history in items_now(self._hub.log_scalars):
            total = history.total
            new = total - totals.get(key, 0)
            if new:
                totals[key] = total
                self._note(key, total, new, now_ns)
        return self._count >= _MANY

    def skip_all(self) -> None:
        """Take what the hub holds as sent: it was loaded from a checkpoint."""
        self.take()
        self._totals = {key: history.total for key, history in items_now(self._hub.log_scalars)}

    def flush(self) -> None:
        """Read and send what was noted."""
        self.send(self.take(), self._hub)

    def take(self) -> Notes:
        """Return what was noted, as if it were sent."""
        notes, self._notes, self._count = self._notes, {}, 0
        return notes

    def send(self, notes: Notes, hub: HubFace) -> None:
        """Read and send what was noted.

        Args:
            notes: What `take` returned.
            hub: Where the values are.
        """
        found = [
            _series(key, hub.log_scalars[key], note) for key, note in notes.items() if key in hub.log_scalars
        ]
        series = [one for one in found if one.values]
        if series:
            self._send(series)

    def _note(self, key: str, total: int, new: int, now_ns: int) -> None:
        if new < 0:  # somebody has put another history in its place
            self._notes.pop(key, None)
            return
        note = self._notes.get(key)
        if note is None:
            note = self._notes[key] = Note(total)
        note.stop = total
        if new == 1:
            note.times_ns.append(now_ns)
        else:
            note.times_ns.extend(range(now_ns, now_ns + new))
        self._count += new


def _series(key: str, history: Any, note: Note) -> RawSeries:
    """The values that were noted of a scalar and that its history still has."""
    kept = history.data[0]
    stop = len(kept) - (history.total - note.stop)
    values = kept[max(0, stop - len(note.times_ns)) : max(0, stop)].tolist()
    return RawSeries(key, note.times_ns[len(note.times_ns) - len(values) :], values)
