"""What a server refused for good: shown, and tried once more."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from otel_mmlog.cli.table import table
from otel_mmlog.sender.quarantine import Quarantined, put_aside, read_quarantine, take_quarantined
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import Signal, Transport


def list_quarantined(journals: list[Path], file_mode: int) -> str:
    """How many lines were set aside, by signal, folder and reason; empty if none were."""
    lines = [(each, folder) for folder in journals for each in read_quarantine(folder, file_mode)]
    counts = Counter((str(folder), each.signal, each.reason) for each, folder in lines)
    rows = [(signal, lines, folder, reason) for (folder, signal, reason), lines in sorted(counts.items())]
    return table(("signal", "lines", "journal", "reason"), *rows) if rows else ""


def retry_quarantined(
    journals: list[Path],
    transports: Mapping[Signal, Transport],
    say: Callable[[str], None],
    file_mode: int,
) -> tuple[int, int]:
    """Send each line by itself once more; what is not taken stays.

    Args:
        journals: The folders.
        transports: Where each signal goes; the others stay.
        say: Gets a sentence for each folder that another sender holds, and each server that takes nothing.
        file_mode: Of the files in the folders.

    Returns:
        How many lines were taken, and how many are still set aside.

    Raises:
        OSError: A folder cannot be used.
    """
    sent = 0
    unreachable: set[Signal] = set()
    for folder in journals:
        reader = JournalReader(folder, file_mode=file_mode)
        try:
            if not reader.try_lock():
                say(f"{folder} is held by another sender: try again when its run has ended")
                continue
            for signal in [signal for signal in transports if signal not in unreachable]:
                taken, trouble = _retry(folder, signal, transports[signal], file_mode)
                sent += taken
                if trouble:
                    unreachable.add(signal)
                    say(f"{signal}: {trouble}")
        finally:
            reader.close()
    return sent, sum(1 for folder in journals for _ in read_quarantine(folder, file_mode))


def _retry(folder: Path, signal: Signal, transport: Transport, file_mode: int) -> tuple[int, str]:
    """Send the lines of one folder and signal; stops at a server that would take none. Returns how many it took."""
    sent, trouble = 0, ""
    for each in take_quarantined(folder, signal, file_mode):
        if trouble:
            _put_back(folder, each, each.reason, file_mode)
            continue
        answer = transport.send(signal, [each.line])
        if answer.kind == "delivered":
            sent += 1
        elif answer.kind in ("retry", "pause"):
            trouble = answer.detail
            _put_back(folder, each, each.reason, file_mode)
        else:
            _put_back(folder, each, answer.detail or each.reason, file_mode)
    return sent, trouble


def _put_back(folder: Path, line: Quarantined, reason: str, file_mode: int) -> None:
    put_aside(folder, line.signal, [line.line], reason, _time_ns(line.time), file_mode)


def _time_ns(time: str) -> int:
    """The Unix time of an entry, so that it keeps the time at which it was first set aside."""
    try:
        return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1e9)
    except ValueError:
        return 0
