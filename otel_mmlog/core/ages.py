"""Ages of what was stamped with the time of the day, also where the clock was set in between."""

import time
from collections import deque
from collections.abc import Callable

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_SET_NS = 500_000_000  # a clock that is only slewed stays with the monotonic one
_MAX_KEPT = 100


def steady_ns() -> int:
    """Return nanoseconds of a clock that is never set and, where there is one, goes on while the machine sleeps."""
    return time.clock_gettime_ns(_CLOCK)


class Ages:
    """Follows the clock of the day against one that is never set.

    Args:
        unix_ns: The clock of the day, in nanoseconds.
        monotonic_ns: One that is never set, in nanoseconds.
    """

    def __init__(
        self,
        unix_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = steady_ns,
    ) -> None:
        self._unix_ns = unix_ns
        self._monotonic_ns = monotonic_ns
        self._looked_ns = monotonic_ns()
        self._ahead_ns: deque[tuple[int, int]] = deque([(-(2**63), unix_ns() - self._looked_ns)], _MAX_KEPT)

    def look(self) -> None:
        """Notice a clock that was set since the last call: to be called from time to time."""
        now_ns = self._monotonic_ns()
        ahead_ns = self._unix_ns() - now_ns
        if abs(ahead_ns - self._ahead_ns[-1][1]) > _SET_NS:
            self._ahead_ns.append((self._looked_ns, ahead_ns))
        self._looked_ns = now_ns

    def age_s(self, time_ns: int) -> float:
        """Seconds since a Unix time in nanoseconds, by the clock as it was then; 0 for one that is to come."""
        self.look()
        now_ns = self._looked_ns
        for since_ns, ahead_ns in reversed(self._ahead_ns):
            stamped_ns = time_ns - ahead_ns
            if since_ns <= stamped_ns <= now_ns:
                return (now_ns - stamped_ns) / 1e9
        return 0.0
