"""Lines that a server refused for good: kept beside the journal, with the reason.

``quarantine.metrics.jsonl``::

    {"reason":"400 out of order sample","time":"2026-08-21T02:58:41.123456Z","line":"{\\"resourceMetrics\\":[...]}\\n"}
"""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import open_plain, read_plain
from otel_mmlog.sender.types import SIGNALS, Signal


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A line that was set aside.

    Attributes:
        signal: Whose request it is.
        line: The request with its newline, as it was in the journal.
        reason: What the server said.
        time: When it was set aside, in UTC, as ISO 8601.
    """

    signal: Signal
    line: bytes
    reason: str
    time: str


def quarantine_path(folder: Path, signal: Signal) -> Path:
    """Where the lines of a signal are kept."""
    return folder / f"quarantine.{signal}.jsonl"


def put_aside(
    folder: Path,
    signal: Signal,
    lines: Sequence[bytes],
    reason: str,
    time_ns: int,
    file_mode: int = PRIVATE,
) -> None:
    """Keep lines in quarantine.

    Raises:
        OSError: They could not be written; none of them is kept.
    """
    if not lines:
        return
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, tz=timezone.utc)
    time = f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 1_000_000_000 // 1000:06d}Z"
    data = b"".join(_encode(reason, time, line) for line in lines)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    fd = open_plain(quarantine_path(folder, signal), flags, file_mode)
    try:
        _append(fd, data)
    finally:
        os.close(fd)


def read_quarantine(folder: Path, file_mode: int = PRIVATE) -> Iterator[Quarantined]:
    """All lines in quarantine, by signal, oldest first; what is torn or foreign is passed over."""
    for signal in SIGNALS:
        yield from _read(_taken_path(folder, signal), signal, file_mode)
        yield from _read(quarantine_path(folder, signal), signal, file_mode)


def take_quarantined(folder: Path, signal: Signal, file_mode: int = PRIVATE) -> Iterator[Quarantined]:
    """The lines of a signal, to be sent again; they leave the quarantine when the iterator has come to its end.

    If it is not followed to the end, all its lines come again the next time. Lines that are `put_aside`
    meanwhile stay for the next time. The caller holds the folder's lock (`JournalReader.try_lock`).

    Raises:
        OSError: The files cannot be moved or removed.
    """
    taken = _taken_path(folder, signal)
    _move(quarantine_path(folder, signal), taken, file_mode)
    yield from _read(taken, signal, file_mode)
    taken.unlink(missing_ok=True)


def _taken_path(folder: Path, signal: Signal) -> Path:
    return folder / f"quarantine.{signal}.taken.jsonl"


def _move(source: Path, target: Path, file_mode: int) -> None:
    """Move a file's lines behind those of another, if there is one; a crash in between doubles lines."""
    if not source.exists():
        return
    if not target.exists():
        source.rename(target)
        return
    fd = open_plain(target, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW, file_mode)
    try:
        with read_plain(source, mode=file_mode) as lines:
            _append(fd, lines.read())
    finally:
        os.close(fd)
    source.unlink()


def _append(fd: int, data: bytes) -> None:
    """Append whole lines, or raise OSError and leave the file as it was."""
    size_bytes = os.fstat(fd).st_size
    if size_bytes and os.pread(fd, 1, size_bytes - 1) != b"\n":
        data = b"\n" + data
    written = 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size_bytes)
        raise


def _encode(reason: str, time: str, line: bytes) -> bytes:
    # Bytes that are no UTF-8 become lone surrogates, which JSON can hold in ASCII.
    kept = {"reason": reason, "time": time, "line": line.decode("utf-8", "surrogateescape")}
    return json.dumps(kept, separators=(",", ":")).encode() + b"\n"


def _read(path: Path, signal: Signal, file_mode: int) -> Iterator[Quarantined]:
    with contextlib.suppress(FileNotFoundError), read_plain(path, mode=file_mode) as file:
        for text in file:
            kept = _decode(signal, text)
            if kept is not None:
                yield kept


def _decode(signal: Signal, text: bytes) -> Quarantined | None:
    try:
        kept = json.loads(text)
        line = kept["line"].encode("utf-8", "surrogateescape")
        return Quarantined(signal, line, str(kept["reason"]), str(kept["time"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
