"""What a sender tells about itself, as one JSON line.

``{"flushes": 1, "finished": false, "delivered": {"logs": 12}, "rejected": {}, "quarantined": {},``
``"backlog_bytes": 0, "disk_bytes": 0, "oldest_ns": null, "troubles": {"logs": ["paused", "HTTP 401 Unauthorized"]}}``
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast

from otel_mmlog.sender.types import SIGNALS, Signal

_MAX_DETAIL_CHARS: Final = 160

TroubleKind = Literal["retrying", "paused"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a signal is not being delivered.

    Attributes:
        kind: ``"retrying"``: it is tried again, for ever; ``"paused"``: somebody has to change something.
        detail: What the server, or the network, said.
    """

    kind: TroubleKind
    detail: str


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """Where a sender stands.

    Attributes:
        flushes: How many requests to flush are fulfilled.
        finished: Whether it found nothing left to deliver, and has ended.
        delivered: Items that the server took, by signal.
        rejected: Items that the server took note of and dropped.
        quarantined: Items that were set aside on disk, since the server refuses them.
        backlog_bytes: Journal on disk that is not acknowledged.
        disk_bytes: All of the journal on disk, what is acknowledged and not yet removed included.
        oldest_ns: Unix time of the oldest item that is not acknowledged, or None if there is none.
        troubles: The signals that are not being delivered, and why.
    """

    flushes: int = 0
    finished: bool = False
    delivered: Mapping[Signal, int] = field(default_factory=dict)
    rejected: Mapping[Signal, int] = field(default_factory=dict)
    quarantined: Mapping[Signal, int] = field(default_factory=dict)
    backlog_bytes: int = 0
    disk_bytes: int = 0
    oldest_ns: int | None = None
    troubles: Mapping[Signal, Trouble] = field(default_factory=dict)

    def reasons(self) -> str:
        """Why something is not delivered, each reason once: ``metrics, logs: HTTP 401 Unauthorized``; or nothing."""
        signals: dict[str, list[str]] = {}
        for signal, trouble in self.troubles.items():
            signals.setdefault(trouble.detail, []).append(signal)
        return "; ".join(f"{', '.join(held)}: {detail}" for detail, held in signals.items())


def encode_status(status: SenderStatus) -> bytes:
    """A status as a line of at most a few kilobytes."""
    values = {
        "flushes": status.flushes,
        "finished": status.finished,
        "delivered": dict(status.delivered),
        "rejected": dict(status.rejected),
        "quarantined": dict(status.quarantined),
        "backlog_bytes": status.backlog_bytes,
        "disk_bytes": status.disk_bytes,
        "oldest_ns": status.oldest_ns,
        "troubles": {
            signal: [trouble.kind, trouble.detail[:_MAX_DETAIL_CHARS]]
            for signal, trouble in status.troubles.items()
        },
    }
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def decode_status(line: bytes) -> SenderStatus | None:
    """The status of a line, or None for any other line."""
    try:
        values: dict[str, Any] = json.loads(line)
        return SenderStatus(
            flushes=int(values["flushes"]),
            finished=bool(values["finished"]),
            delivered=_counts(values["delivered"]),
            rejected=_counts(values["rejected"]),
            quarantined=_counts(values["quarantined"]),
            backlog_bytes=int(values["backlog_bytes"]),
            disk_bytes=int(values["disk_bytes"]),
            oldest_ns=None if values["oldest_ns"] is None else int(values["oldest_ns"]),
            troubles={
                _signal(name): Trouble(cast("TroubleKind", str(kind)), str(detail))
                for name, (kind, detail) in values["troubles"].items()
            },
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def add_counts(past: SenderStatus, status: SenderStatus) -> SenderStatus:
    """A status with the counts of the sender's earlier lives."""
    return replace(
        status,
        delivered=_sum(past.delivered, status.delivered),
        rejected=_sum(past.rejected, status.rejected),
        quarantined=_sum(past.quarantined, status.quarantined),
    )


def _sum(one: Mapping[Signal, int], other: Mapping[Signal, int]) -> dict[Signal, int]:
    known = [signal for signal in SIGNALS if signal in one or signal in other]
    return {signal: one.get(signal, 0) + other.get(signal, 0) for signal in known}


def _counts(values: Any) -> dict[Signal, int]:
    return {_signal(name): int(count) for name, count in values.items()}


def _signal(name: str) -> Signal:
    """Raises ValueError for what is no signal."""
    return SIGNALS[SIGNALS.index(cast("Signal", name))]
