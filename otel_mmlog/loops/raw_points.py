"""Every raw value with the time of its own step, for ``steps="every"``."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.hub_view import HubFace
from otel_mmlog.core.record import RawSeries

_LIMIT = 1000


class Notes(NamedTuple):
    """Which values are new.

    Attributes:
        sent: For each scalar, how many of its values were sent before.
        steps: For each step its time in Unix nanoseconds, and how many values each scalar had behind it.
    """

    sent: Mapping[str, int]
    steps: Sequence[tuple[int, Mapping[str, int]]]


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
        self._sent: Mapping[str, int] = {}
        self._steps: list[tuple[int, dict[str, int]]] = []

    def collect(self, now_ns: int) -> bool:
        """Note the values that came since the last call as those of one step; whether too many are noted now."""
        histories = list(self._hub.log_scalars.items())  # another thread may log a new name
        self._steps.append((now_ns, {key: history.total for key, history in histories}))
        return len(self._steps) * len(histories) >= _LIMIT

    def skip_all(self) -> None:
        """Take what the hub holds as sent: it was loaded from a checkpoint."""
        self._steps = []
        self._sent = {key: history.total for key, history in self._hub.log_scalars.items()}

    def flush(self) -> None:
        """Read and send what was noted."""
        self.send(self.take(), self._hub)

    def take(self) -> Notes:
        """Return what was noted, as if it were sent."""
        notes = Notes(self._sent, tuple(self._steps))
        if self._steps:
            self._sent, self._steps = self._steps[-1][1], []
        return notes

    def send(self, notes: Notes, hub: HubFace) -> None:
        """Read and send what was noted.

        Args:
            notes: What `take` returned.
            hub: Where the values are.
        """
        if not notes.steps:
            return
        found = [
            _series(key, hub.log_scalars[key], notes.sent.get(key, 0), notes.steps)
            for key in notes.steps[-1][1]
        ]
        series = [one for one in found if one.values]
        if series:
            self._send(series)


def _series(
    key: str, history: HistoryBuffer, sent: int, steps: Sequence[tuple[int, Mapping[str, int]]]
) -> RawSeries:
    """The values of a scalar from the one after so many were sent up to the last that was noted."""
    times_ns: list[int] = []
    for now_ns, totals in steps:
        total = totals.get(key, sent)
        if total == sent + 1:
            times_ns.append(now_ns)
        else:
            times_ns.extend(range(now_ns, now_ns + total - sent))
        sent = total
    kept = history.data[0]
    stop = len(kept) - (history.total - sent)
    values = kept[max(0, stop - len(times_ns)) : max(0, stop)].tolist()
    return RawSeries(key, times_ns[len(times_ns) - len(values) :], values)
