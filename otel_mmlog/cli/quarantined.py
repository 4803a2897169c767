"""What a server refused for good: shown, and tried once more."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from otel_mmlog.sender.quarantine import put_aside, read_quarantine, take_quarantined
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import Signal, Transport


def show_quarantined(journals: list[Path], console: Console) -> None:
    """Print how many lines were set aside, by folder, signal and reason."""
    table = Table("journal", "signal", "lines", "reason")
    for folder in journals:
        reasons = Counter((each.signal, each.reason) for each in read_quarantine(folder))
        for (signal, reason), lines in sorted(reasons.items()):
            table.add_row(str(folder), signal, str(lines), reason)
    console.print(table if table.row_count else "Nothing is in quarantine.")


def retry_quarantined(journals: list[Path], transports: Mapping[Signal, Transport], console: Console) -> bool:
    """Send each line by itself once more; what is refused again stays. Returns whether anything does."""
    sent = kept = 0
    for folder in journals:
        reader = JournalReader(folder)
        try:
            if not reader.try_lock():
                console.print(f"{folder} is held by another sender: try again later", markup=False)
                kept += sum(1 for _ in read_quarantine(folder))
                continue
            for signal, transport in transports.items():
                delivered, refused = _retry(folder, signal, transport)
                sent, kept = sent + delivered, kept + refused
        finally:
            reader.close()
    console.print(f"{sent} lines sent, {kept} still in quarantine")
    return kept > 0


def _retry(folder: Path, signal: Signal, transport: Transport) -> tuple[int, int]:
    sent = kept = 0
    for each in take_quarantined(folder, signal):
        answer = transport.send(signal, [each.line])
        if answer.kind == "delivered":
            sent += 1
        else:
            kept += 1
            put_aside(folder, signal, [each.line], answer.detail or each.reason, _time_ns(each.time))
    return sent, kept


def _time_ns(time: str) -> int:
    """The Unix time of an entry, so that it keeps the time at which it was first set aside."""
    try:
        return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1e9)
    except ValueError:
        return 0
