"""Where one signal stands on its way from the journal to the server."""

import math
from dataclasses import dataclass

from otel_mmlog.sender.delivery import Delivery


@dataclass(slots=True)
class Lane:
    """One signal's way to the server.

    Attributes:
        in_flight: Whether a request is under way.
        looked_s: When the journal was last asked for lines.
        look_s: When to ask it again.
        sent_s: When the last request began.
        flushed: How many flushes had been asked for when the journal was last found empty.
        blocked_s: Until when the disk is left alone.
        taken: Items that the server answered for, the rejected ones included.
        quarantined: Items that were set aside.
        aside: Those of the batch that is under way.
    """

    delivery: Delivery
    in_flight: bool = False
    looked_s: float = -math.inf
    look_s: float = -math.inf
    sent_s: float = -math.inf
    flushed: int = 0
    blocked_s: float = -math.inf
    taken: int = 0
    quarantined: int = 0
    aside: int = 0

    @property
    def wake_s(self) -> float:
        """When there is something to do without an answer."""
        delivery = self.delivery
        if self.in_flight:
            return math.inf
        if delivery.batch is None and delivery.lets_live_pass:
            return max(self.look_s, self.blocked_s)
        return max(self.blocked_s, delivery.until_s, -math.inf if delivery.batch else self.look_s)
