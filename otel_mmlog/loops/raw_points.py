"""Every raw value with the time of its own step, for ``steps="every"``."""

from collections.abc import Callable

from otel_mmlog.core.hub import MessageHub

_LIMIT = 1000


class RawPoints:
    """Notes at each step which values are new, and reads them when a record does.

    Two updates of a scalar in one step lie one nanosecond apart.

    Args:
        hub: Whose values are sent.
        send: Takes ``(key, value, time_ns)`` tuples.
    """

    def __init__(self, hub: MessageHub, send: Callable[[list[tuple[str, float, int]]], None]) -> None:
        self._hub = hub
        self._send = send
        self._seen: dict[str, int] = {}
        self._new: list[tuple[str, int, int]] = []

    def collect(self, now_ns: int) -> None:
        """Note the values that came since the last call as those of one step."""
        for key, history in list(self._hub.log_scalars.items()):  # another thread may log a new name
            total = history.total
            for offset, index in enumerate(range(self._seen.get(key, 0), total)):
                self._new.append((key, index, now_ns + offset))
            self._seen[key] = total
        if len(self._new) >= _LIMIT:
            self.flush()

    def skip_all(self) -> None:
        """Take what the hub holds as sent: it was loaded from a checkpoint."""
        self._seen = {key: history.total for key, history in self._hub.log_scalars.items()}

    def flush(self) -> None:
        """Read and send what was noted."""
        new, self._new = self._new, []
        values = {key: self._hub.log_scalars[key].data[0] for key in {key for key, _, _ in new}}
        totals = {key: self._hub.log_scalars[key].total for key in values}
        points = [
            (key, values[key][index - totals[key]].item(), time_ns)
            for key, index, time_ns in new
            if totals[key] - index <= len(values[key])
        ]
        if points:
            self._send(points)
