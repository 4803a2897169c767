"""The loop of a sender, without its clock: what to read, send and acknowledge now, and when to come back."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from otel_mmlog.sender.batches import Batch
from otel_mmlog.sender.courier import Courier
from otel_mmlog.sender.delivery import Delivery
from otel_mmlog.sender.journal_lines import count_items
from otel_mmlog.sender.lane import Lane
from otel_mmlog.sender.pieces import Suspect
from otel_mmlog.sender.status import SenderStatus, Trouble
from otel_mmlog.sender.types import Signal

LOOK_S: Final = 0.25
"""Seconds between two looks into the journal at least, however often there is said to be more."""

FAULT_S: Final = 5.0
"""Seconds until the next look after the disk failed, or for live lines while backlog is refused."""

_LARGE_BYTES: Final = 1024 * 1024


class Source(Protocol):
    """Where batches come from: what of `JournalReader` the loop needs."""

    def next_batch(self, signal: Signal) -> Batch | None:
        """Lines that are not acknowledged, or None."""

    def acknowledge(self, batch: Batch) -> None:
        """Never hand out these lines again."""

    def set_aside(self, batch: Batch, lines: Sequence[bytes], reason: str) -> None:
        """Keep lines in quarantine."""

    def save(self) -> None:
        """Write the cursor."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a sender does things while nothing is wrong.

    Attributes:
        gather_s: Seconds from one request with live lines to the signal's next, so that a request carries
            what was logged meanwhile; backlog and `Sender.flush` do not wait for it.
        poll_s: Seconds between two looks into the journal when nobody said that there is more.
    """

    gather_s: float = 1.0
    poll_s: float = 1.0


class Sender:
    """Moves lines from a journal to a courier, each signal at its own pace.

    Args:
        source: The journal, locked.
        courier: Carries the requests.
        signals: What to deliver, each with whether it can be sent as protobuf in place of JSON.
        random: Returns a number from 0 up to, but without, 1.
        tell: Gets one sentence whenever something goes wrong, or right again.
        pace: How often things are done.
    """

    def __init__(
        self,
        source: Source,
        courier: Courier,
        signals: Mapping[Signal, bool],
        *,
        random: Callable[[], float],
        tell: Callable[[str], None],
        pace: Pace = Pace(),
    ) -> None:
        self._source = source
        self._courier = courier
        self._tell = tell
        self._pace = pace
        self._flushes = 0
        self._disk_fault: str | None = None
        self._is_stopped = False
        self._lanes = {
            signal: Lane(Delivery(signal, random=random, can_fall_back=can_fall_back, tell=tell))
            for signal, can_fall_back in signals.items()
        }

    @property
    def is_flushed(self) -> bool:
        """Whether everything is acknowledged that was in the journal at the last `flush`."""
        return self.flushes == self._flushes

    @property
    def flushes(self) -> int:
        """How many calls of `flush` are fulfilled."""
        return min((lane.flushed for lane in self._lanes.values()), default=self._flushes)

    @property
    def is_stuck(self) -> bool:
        """Whether nothing can be delivered until somebody changes something."""
        waiting = [lane for lane in self._lanes.values() if lane.flushed < self._flushes]
        return bool(waiting) and all(
            not lane.in_flight and lane.delivery.state == "paused" and lane.delivery.until_s > lane.sent_s
            for lane in waiting
        )

    @property
    def awaits_answers(self) -> bool:
        """Whether a request is under way."""
        return any(lane.in_flight for lane in self._lanes.values())

    @property
    def settled(self) -> int:
        """Items that are acknowledged so far, one way or the other."""
        return sum(lane.taken + lane.quarantined for lane in self._lanes.values())

    def step(self, now_s: float) -> float:
        """Do what is to be done now.

        Args:
            now_s: Seconds on any clock that never goes back.

        Returns:
            The moment to come back at, on that clock, unless `more`, `flush` or an answer comes earlier.
        """
        while (taken := self._courier.take()) is not None:
            signal, answer = taken
            lane = self._lanes[signal]
            lane.in_flight = False
            lane.delivery.on_answer(answer, now_s)
            if lane.delivery.batch is None:
                lane.look_s = now_s
        for signal, lane in self._lanes.items():
            self._advance(signal, lane, now_s)
        if self._is_stopped:
            return math.inf
        return min((lane.wake_s for lane in self._lanes.values()), default=math.inf)

    def stop(self) -> None:
        """Send nothing more; answers to what is under way still count."""
        self._is_stopped = True

    def more(self, now_s: float) -> None:
        """There is more in the journal than at the last look."""
        for lane in self._lanes.values():
            if not lane.delivery.lets_live_pass:
                earliest_s = max(now_s, lane.looked_s + LOOK_S, lane.sent_s + self._pace.gather_s)
                lane.look_s = min(lane.look_s, earliest_s)

    def flush(self, now_s: float) -> None:
        """Deliver what is in the journal now without gathering, and end every wait that is our own."""
        self._flushes += 1
        for lane in self._lanes.values():
            lane.delivery.hurry()
            lane.look_s = now_s

    def fulfil(self) -> None:
        """Take note that somebody else has delivered all that was to be flushed."""
        for lane in self._lanes.values():
            lane.flushed = self._flushes

    def status(self) -> SenderStatus:
        """Counts and troubles; what the journal holds is for the caller to fill in."""
        lanes = self._lanes.items()
        return SenderStatus(
            flushes=self.flushes,
            delivered={signal: max(0, lane.taken - lane.delivery.rejected) for signal, lane in lanes},
            rejected={signal: lane.delivery.rejected for signal, lane in lanes},
            quarantined={signal: lane.quarantined for signal, lane in lanes},
            troubles={
                signal: Trouble(lane.delivery.state, lane.delivery.detail)
                for signal, lane in lanes
                if lane.delivery.state != "ok"
            },
        )

    def _advance(self, signal: Signal, lane: Lane, now_s: float) -> None:
        """Acknowledge, read and send until a request is under way or there is something to wait for."""
        while not lane.in_flight and now_s >= lane.blocked_s:
            if lane.delivery.is_done:
                self._settle(lane, now_s)
            elif self._is_stopped:
                return
            elif lines := lane.delivery.lines(now_s):
                lane.in_flight, lane.sent_s = True, now_s
                self._courier.start(signal, lines, protobuf=lane.delivery.protobuf)
            elif lane.delivery.batch is not None or not self._look(signal, lane, now_s):
                return

    def _look(self, signal: Signal, lane: Lane, now_s: float) -> bool:
        """Ask the journal for a batch; True if there is one to send."""
        delivery = lane.delivery
        waits = now_s < delivery.until_s
        if now_s < lane.look_s or (waits and not delivery.lets_live_pass):
            return False
        lane.looked_s, lane.look_s = now_s, now_s + (FAULT_S if waits else self._pace.poll_s)
        flushes = self._flushes
        try:
            batch = self._source.next_batch(signal)
        except OSError as error:
            self._on_disk_fault(error, lane, now_s)
            return False
        if batch is None:
            if lane.flushed < flushes:
                lane.flushed = flushes
                self._source.save()
            return False
        if waits:
            if not batch.live:
                return False
            delivery.hurry()
        delivery.begin(batch)
        return True

    def _settle(self, lane: Lane, now_s: float) -> None:
        """Set aside what the server refuses and acknowledge the batch, unless the disk does not let us."""
        batch, suspects = lane.delivery.batch, lane.delivery.suspects
        if batch is None:
            return
        while suspects:
            try:
                self._source.set_aside(batch, suspects[0].lines, suspects[0].reason)
            except OSError as error:
                self._on_disk_fault(error, lane, now_s)
                return
            self._count_set_aside(batch.signal, lane, suspects.pop(0))
        self._source.acknowledge(batch)
        self._disk_fault = None
        lane.taken += batch.items - lane.aside
        lane.quarantined += lane.aside
        lane.aside = 0
        lane.delivery.finish()
        is_urgent = lane.flushed < self._flushes or not batch.live or batch.size_bytes >= _LARGE_BYTES
        lane.look_s = now_s if is_urgent else max(now_s, lane.sent_s + self._pace.gather_s)

    def _count_set_aside(self, signal: Signal, lane: Lane, suspect: Suspect) -> None:
        items = sum(count_items(signal, line) for line in suspect.lines)
        lane.aside += items
        self._tell(
            f"{signal}: {items} items were set aside, since the server does not take them: {suspect.reason}"
        )

    def _on_disk_fault(self, error: OSError, lane: Lane, now_s: float) -> None:
        lane.blocked_s = now_s + FAULT_S
        if self._disk_fault != str(error):
            self._disk_fault = str(error)
            self._tell(f"the journal cannot be used: {error}; it is tried again")
