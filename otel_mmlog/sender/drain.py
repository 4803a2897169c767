"""Sends what lies in journal folders, in the foreground: what ``otel-mmlog send`` does."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.sender.courier import ThreadCourier
from otel_mmlog.sender.folder_faults import FolderFaults
from otel_mmlog.sender.folders import Folders
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.sender import Pace, Sender
from otel_mmlog.sender.status import SenderStatus
from otel_mmlog.sender.transport import protobuf_fallback
from otel_mmlog.sender.types import Signal, Transport

PROGRESS_S = 0.2


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it.

    Attributes:
        status: Counts, what is left, and why. ``finished`` says whether nothing is left of the folders that it had.
        skipped_lines: Lines that are torn or corrupt.
        left_bytes: By signal, what lies behind its position, lines of other signals included.
        busy: Folders that another sender holds.
    """

    status: SenderStatus
    skipped_lines: int
    left_bytes: Mapping[Signal, int]
    busy: tuple[Path, ...]


def drain(
    folders: Sequence[Path],
    transports: Mapping[Signal, Transport],
    on_progress: Callable[[SenderStatus], None],
    *,
    follow: bool = False,
    patience_s: float = 60.0,
    on_dead: Callable[[Path], object] | None = None,
    tell: Callable[[str], None] = lambda _: None,
    file_mode: int = PRIVATE,
) -> Summary:
    """Send journals until nothing is left or nothing goes on.

    Args:
        folders: Folders of ranks, as ``work_dir/otlp/rank0000``.
        transports: Where each signal goes; the others stay in the journals.
        on_progress: Gets the status a few times a second; what it raises ends the sending in good order.
        follow: Whether to go on for ever, with what is still being written.
        patience_s: Seconds without an answer that helps after which it ends, unless it follows.
        on_dead: Journals the last words of dead processes in a folder. Called at the beginning, and before an open
            segment would be removed whose writer is dead.
        tell: Gets one sentence whenever something goes wrong, or right again.
        file_mode: See `JournalReader`.

    Raises:
        OSError: A folder or its cursor cannot be opened.
    """
    readers = {
        folder: JournalReader(folder, signals=transports, on_dead=on_dead, file_mode=file_mode)
        for folder in folders
    }
    try:
        held = {folder: reader for folder, reader in readers.items() if reader.try_lock()}
        busy = tuple(folder for folder in readers if folder not in held)
        if on_dead is not None:
            for folder in held:
                try:
                    on_dead(folder)
                except OSError as error:
                    tell(f"{folder}: the spans of dead processes stay open: {error}")
        work = _Drain(list(held.values()), transports, tell, gather_s=1.0 if follow else 0.0)
        status = work.run(on_progress, follow=follow, patience_s=patience_s)
        return work.summary(status, busy)
    finally:
        for reader in readers.values():
            reader.close()


class _Drain:
    def __init__(
        self,
        readers: Sequence[JournalReader],
        transports: Mapping[Signal, Transport],
        tell: Callable[[str], None],
        *,
        gather_s: float,
    ) -> None:
        self._readers = readers
        self._faults = [FolderFaults(tell) for _ in readers]
        self._signals = list(transports)
        self._answered = threading.Event()
        self._helped_s = time.monotonic()
        self._settled = 0
        self._chances = len(readers)
        self._sender = Sender(
            Folders(readers),
            ThreadCourier(transports, self._answered.set),
            {signal: protobuf_fallback(transport) is not None for signal, transport in transports.items()},
            random=random.random,
            tell=tell,
            pace=Pace(gather_s=gather_s),
        )

    def run(
        self, on_progress: Callable[[SenderStatus], None], *, follow: bool, patience_s: float
    ) -> SenderStatus:
        """Send; returns the last status."""
        now_s = told_s = time.monotonic()
        self._sender.flush(now_s)
        while True:
            wake_s = self._sender.step(now_s)
            if now_s - told_s >= PROGRESS_S:
                told_s = now_s
                self._look_after_folders(now_s)
                on_progress(self._status())
            if not follow and self._is_over(now_s, patience_s):
                break
            self._answered.wait(min(max(0.0, wake_s - now_s), PROGRESS_S))
            self._answered.clear()
            now_s = time.monotonic()
        self._look_after_folders(now_s)
        status = replace(self._status(), finished=self._sender.is_flushed)
        on_progress(status)
        return status

    def _look_after_folders(self, now_s: float) -> None:
        for reader, faults in zip(self._readers, self._faults, strict=True):
            faults.look(replace(reader.counts, skipped_lines=0), now_s)  # the summary tells of these

    def _is_over(self, now_s: float, patience_s: float) -> bool:
        """Whether nothing is left, or nothing goes on; each folder gets a chance before that is said."""
        if self._sender.settled > self._settled:
            self._settled, self._helped_s, self._chances = self._sender.settled, now_s, len(self._readers)
        if self._sender.is_stuck:
            self._chances -= 1
            if self._chances >= 0:
                self._sender.flush(now_s)
        return self._sender.is_flushed or now_s - self._helped_s >= patience_s or self._chances < 0

    def summary(self, status: SenderStatus, busy: tuple[Path, ...]) -> Summary:
        """What came of it, all in all."""
        backlogs = [reader.backlog() for reader in self._readers]
        return Summary(
            status,
            sum(reader.counts.skipped_lines for reader in self._readers),
            {signal: sum(backlog.bytes[signal] for backlog in backlogs) for signal in self._signals},
            busy,
        )

    def _status(self) -> SenderStatus:
        backlogs = [reader.backlog() for reader in self._readers]
        times_ns = [backlog.oldest_ns for backlog in backlogs if backlog.oldest_ns is not None]
        return replace(
            self._sender.status(),
            backlog_bytes=sum(backlog.total_bytes for backlog in backlogs),
            oldest_ns=min(times_ns, default=None),
        )
