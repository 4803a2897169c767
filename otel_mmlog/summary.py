"""The last lines of a run: what was written, and where; what was delivered, and what is left."""

import logging
import shlex
from collections.abc import Mapping

from otel_mmlog.compose import Parts
from otel_mmlog.core.shown import counted
from otel_mmlog.otel.lines import Signal
from otel_mmlog.sender.status import SenderStatus

_SIGNALS: tuple[tuple[Signal, str], ...] = (
    ("metrics", "point"),
    ("logs", "log record"),
    ("traces", "span"),
)


def closing_lines(
    parts: Parts, records: int, rejected: Mapping[str, int], status: SenderStatus | None
) -> list[str]:
    """Say what a run wrote, and what of it was delivered.

    Args:
        parts: What the run is made of.
        records: How many records it made.
        rejected: Scalars that were no numbers, by name.
        status: What the sender told last, ``finished`` if all is delivered; None without one.
    """
    counts = parts.handler.counts
    warnings = counts[logging.WARNING]
    errors = sum(number for level, number in counts.items() if level >= logging.ERROR)
    files = " and ".join(str(path) for path in parts.files) or "no files on this rank"
    lost = f", {counted(sum(rejected.values()), 'value')} left out" if rejected else ""
    amounts = ((records, "record"), (warnings, "warning"), (errors, "error"))
    wrote = ", ".join(counted(number, what) for number, what in amounts)
    said = f"Wrote {wrote}{lost}: {files}"
    return [said, _journal_line(parts), *([] if status is None else [_delivery_line(parts, status)])]


def _journal_line(parts: Parts) -> str:
    stats = parts.journal.stats()
    what = ", ".join(counted(stats.journaled.get(signal, 0), name) for signal, name in _SIGNALS)
    refused = sum(stats.refused.values())
    reasons = ", ".join(sorted({reason for _, reason in stats.refused}))
    left_out = f"; {refused} refused ({reasons})" if refused else ""
    faults = dict(parts.encoder.faults)  # another thread may be adding to them
    cut = sum(faults.values())
    shortened = f"; {counted(cut, 'value')} cut or replaced ({', '.join(sorted(faults))})" if cut else ""
    return f"Journal: {what} in {parts.journal.folder}{left_out}{shortened}"


def _delivery_line(parts: Parts, status: SenderStatus) -> str:
    delivered = ", ".join(counted(status.delivered.get(signal, 0), name) for signal, name in _SIGNALS)
    lost = [(status.rejected, "rejected"), (status.quarantined, "quarantined")]
    refused = "".join(f"; {sum(counts.values())} {word}" for counts, word in lost if any(counts.values()))
    if status.finished:
        return f"Delivered: {delivered}{refused}"
    why = f" ({status.reasons()})" if status.troubles else ""
    later = "the sender goes on for a while; after that: " if parts.delivery.lingers else ""
    command = f"otel-mmlog send {shlex.quote(str(parts.journal.folder))}"
    # The sender may not have told of the last lines yet.
    left = f"{status.backlog_bytes} bytes" if status.backlog_bytes else "the rest"
    return f"Delivered: {delivered}{refused}; {left} left{why}: {later}{command}"
