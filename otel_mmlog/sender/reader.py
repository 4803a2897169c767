"""Reads a rank's journal in batches and remembers what was delivered.

Read, send, acknowledge, write the cursor, unlink: a crash between any two of these costs at most that
lines go out twice.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.sender.batches import Batch, Filling, Mark
from otel_mmlog.sender.cursor import Cursor
from otel_mmlog.sender.journal_lines import count_items
from otel_mmlog.sender.quarantine import put_aside
from otel_mmlog.sender.scan import Scan
from otel_mmlog.sender.tallies import Backlog, ReaderCounts
from otel_mmlog.sender.types import SIGNALS, Signal

MAX_BATCH_BYTES: Final = 3 * 1024 * 1024

_SAVE_NS: Final = 1_000_000_000


class JournalReader:
    """The journal in one rank's folder, as batches.

    Without the lock it reads, from where the cursor was when it was made, and changes nothing on disk.

    Args:
        folder: The rank's folder; while it does not exist there is nothing to send.
        clock_ns: Unix time in nanoseconds.
        max_bytes: Length of a batch's lines together at most, but for a single line.
        max_age_spread_s: Seconds between the oldest and the newest item of a batch at most.
        on_dead: See `SegmentFiles`; it may raise OSError.
        file_mode: Of new files, and of those that are there; see `is_trusted`.
        signals: What batches will be asked for. A segment without lines of the others goes once these are delivered.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        max_bytes: int = MAX_BATCH_BYTES,
        max_age_spread_s: float = 120,
        on_dead: Callable[[Path], object] | None = None,
        signals: Collection[Signal] = SIGNALS,
        file_mode: int = PRIVATE,
    ) -> None:
        self._folder = folder
        self._file_mode = file_mode
        self._clock_ns = clock_ns
        self._max_bytes = max_bytes
        self._max_spread_ns = round(max_age_spread_s * 1e9)
        self._unasked = [signal for signal in SIGNALS if signal not in signals]
        self._cursor = Cursor(folder, file_mode)
        self._positions = self._cursor.load()
        self._scan = Scan(folder, clock_ns, on_dead, file_mode)
        self._is_saved = False
        self._saved_ns: int | None = None
        self._unsaved_bytes: Counter[Signal] = Counter()
        self._quarantined: Counter[Signal] = Counter()
        self._errors = 0
        self._last_error: str | None = None

    @property
    def counts(self) -> ReaderCounts:
        """What did not go as it should so far."""
        return ReaderCounts(
            self._scan.skipped_lines,
            {signal: self._quarantined[signal] for signal in SIGNALS},
            len(self._scan.unreadable),
            self._scan.files.vanished,
            self._errors + self._scan.files.listing_errors,
            self._last_error or self._scan.last_error,
        )

    def try_lock(self) -> bool:
        """Become the folder's one sender until `close`; False if there is another.

        Raises:
            OSError: The cursor cannot be opened or made.
        """
        if not self._cursor.is_held and self._cursor.try_lock():
            self._positions = self._cursor.load()
            self._is_saved = False
        return self._cursor.is_held

    def follow(self) -> None:
        """Without the lock: take over how far the sender is that has it."""
        if not self._cursor.is_held:
            self._positions = self._cursor.load()

    def next_batch(self, signal: Signal) -> Batch | None:
        """Lines that were not acknowledged yet; None if there are none now.

        The newest attempt's come first. Until they are acknowledged the same lines come again, and with them
        those that were added meanwhile.
        """
        self._scan.refresh(self._positions)
        batch = self._read(signal, self._max_bytes)
        if batch is not None and self._unsaved_bytes[signal] + batch.size_bytes > self._max_bytes:
            self.save()  # so that a crash resends no more than one batch
        else:
            self._save_if_due()
        return batch

    def acknowledge(self, batch: Batch) -> None:
        """Never hand out the lines of a batch again: they were delivered, or set aside."""
        self._move(batch.signal, batch.end)
        self._unsaved_bytes[batch.signal] += batch.size_bytes
        self._save_if_due()

    def set_aside(self, batch: Batch, lines: Sequence[bytes], reason: str) -> None:
        """Keep lines of a batch in quarantine; it is then to be acknowledged.

        Raises:
            OSError: They could not be written; the batch must not be acknowledged.
        """
        put_aside(self._folder, batch.signal, lines, reason, self._clock_ns(), self._file_mode)
        self._quarantined[batch.signal] += sum(count_items(batch.signal, line) for line in lines)

    def save(self) -> None:
        """Write the cursor, then unlink what all signals have passed; errors are counted."""
        if not self._cursor.is_held:
            return
        self._saved_ns = self._clock_ns()
        for signal in self._unasked:
            self._read(signal, 1)  # passes what is none of its lines
        if not self._is_saved:
            try:
                self._cursor.write(self._positions)
            except OSError as error:
                self._note(error)
            else:
                self._is_saved = True
                self._unsaved_bytes.clear()
        # Also without a cursor: what was delivered is not lost, and this may be what makes room for one.
        self._remove_passed()

    def finished(self) -> bool:
        """Whether there is nothing left to send, as far as writers have written whole lines."""
        self._scan.refresh(self._positions, probe_now=True)
        return all(self._read(signal, 1) is None for signal in SIGNALS)

    def backlog(self) -> Backlog:
        """What waits now."""
        self._scan.refresh(self._positions)
        return self._scan.backlog(self._positions)

    def close(self) -> None:
        """Write the cursor, unlink what was delivered, and let the folder go."""
        self._scan.refresh(self._positions, probe_now=True)
        self.save()
        self._cursor.close()

    def _read(self, signal: Signal, max_bytes: int) -> Batch | None:
        """The next lines; what is passed on the way to none at all counts as delivered."""
        for live in (True, False):
            filling = Filling(
                signal, max_bytes=max_bytes, max_spread_ns=self._max_spread_ns, now_ns=self._clock_ns()
            )
            self._scan.fill(filling, signal, self._positions, live=live)
            batch = filling.batch(live=live)
            if batch is not None:
                return batch
            self._move(signal, filling.mark)
        return None

    def _move(self, signal: Signal, mark: Mark) -> None:
        for name, offset in mark.ends:
            if self._positions.move(name, signal, offset):
                self._is_saved = False

    def _save_if_due(self) -> None:
        if not self._is_saved and (
            self._saved_ns is None or abs(self._clock_ns() - self._saved_ns) >= _SAVE_NS
        ):
            self.save()

    def _remove_passed(self) -> None:
        """Unlink each segment that nobody writes to and that every signal has passed."""
        files = self._scan.files
        for file in list(files):
            delivered_bytes = self._positions.least(file.name)
            size_bytes = files.size_bytes(file)
            if size_bytes is None or delivered_bytes < size_bytes:
                continue
            try:
                if files.remove(file, delivered_bytes):
                    self._positions.forget(file.name)
            except OSError as error:
                self._note(error)

    def _note(self, error: OSError) -> None:
        self._errors += 1
        self._last_error = str(error)
