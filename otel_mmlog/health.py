"""Says how a run's own telemetry fares: what its journal took, and how far its sender is."""

import time
from collections.abc import Callable, Mapping

from otel_mmlog.delivery import Delivery
from otel_mmlog.otel.health import DeliveryHealth, Health
from otel_mmlog.otel.journal import Journal
from otel_mmlog.sender.status import SenderStatus

HEALTH_S = 10.0
"""Seconds from one telling to the next."""


class HealthWatch:
    """Knows what a run's health is, and when it is time to tell.

    Args:
        journal: The rank's.
        delivery: Its sender, if there is one.
        faults: Returns reason -> count of what was cut, replaced or failed.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        journal: Journal,
        delivery: Delivery,
        faults: Callable[[], Mapping[str, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._delivery = delivery
        self._faults = faults
        self._clock = clock
        self._told_s = clock()

    def due(self) -> Health | None:
        """The health every ten seconds, None in between; hears from the sender meanwhile."""
        self._delivery.look()
        now_s = self._clock()
        if now_s - self._told_s < HEALTH_S:
            return None
        self._told_s = now_s
        return self.now()

    def now(self) -> Health:
        """The health at this moment."""
        status = self._delivery.status()
        lag_s = 0.0 if status is None else self._delivery.lag_s(status)
        return read_health(self._journal, self._faults(), status, lag_s)


def read_health(
    journal: Journal, faults: Mapping[str, int], status: SenderStatus | None, lag_s: float
) -> Health:
    """Put together what a run's health is; looks at no file.

    Args:
        journal: Counts its items; without a sender it also knows its size, as nobody else removes anything.
        faults: Reason -> count.
        status: What the sender told last, or None.
        lag_s: Age in seconds of the oldest item that is not acknowledged.
    """
    stats = journal.stats()
    delivery = None
    if status is not None:
        delivery = DeliveryHealth(
            lag_s, status.backlog_bytes, status.delivered, status.rejected, status.quarantined
        )
    return Health(
        produced=stats.produced,
        refused=stats.refused,
        faults=dict(faults),
        journal_bytes=journal.size_bytes if status is None else status.disk_bytes,
        delivery=delivery,
    )
