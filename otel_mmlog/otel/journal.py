"""The journal: what a training process appends to, and the only thing it does to be observed."""

import contextlib
import errno
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

from otel_mmlog.core.line_check import with_check
from otel_mmlog.core.own_folders import make_folder
from otel_mmlog.core.segments import SegmentName, next_start, seal_dead, sync_process
from otel_mmlog.otel.admission import Admission
from otel_mmlog.otel.counts import Counts, JournalStats, Reason
from otel_mmlog.otel.faults import Faults
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.sealing import Sealing
from otel_mmlog.otel.segment_writer import ClaimedError, SegmentWriter


class Journal:
    """Appends OTLP JSON lines to segments in one rank's folder.

    Safe to use from threads, from signal handlers and finalizers, and on both sides of a fork: a
    forked child gets segments of its own. Nothing here raises into training; what cannot be
    written is counted in `stats`, and each episode of faults is told once to ``on_fault``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: JournalSettings | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        unix_clock: Callable[[], int] = time.time_ns,
        on_fault: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make the folder; files come with the first append.

        Args:
            folder: The rank's own folder; it and the one above are made where they are missing.
            settings: Sizes and ages, or None for the defaults.
            clock: Nanoseconds that never go back, for ages and pauses.
            unix_clock: Unix time in nanoseconds, for the names of files.
            on_fault: Gets one sentence per episode of faults, from the thread that met it and with
                no lock held: it may log into this very journal.
        """
        self.folder = folder
        self._settings = settings or JournalSettings()
        self._clock = clock
        self._on_fault = on_fault
        self.start = next_start(folder, unix_clock())
        self.preface: Callable[[], bytes] = bytes
        """Gives whole lines that every new segment of this process begins with; they are not counted."""
        self._reset()
        self._prepare()
        forget = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def append(self, *lines: EncodedLine) -> bool:
        """Write lines with one system call; True if all of them are in the file.

        From a signal handler or finalizer that interrupts an append of the same thread the lines
        are kept, and the interrupted call writes them before it returns.
        """
        with self._lock:
            self._counts.produce(lines)
            self._waiting.append(lines)
            if self._draining:
                return True
            complete = self._drain()
            messages = self._faults.take()
        self._report(messages)
        return complete

    def flush(self) -> bool:
        """Have the disk confirm what was appended so far (fsync); False if it does not."""
        try:
            sync_process(self.folder, self.start, self._process)
        except OSError as error:
            with self._lock:
                self._note_unconfirmed(error)
                messages = self._faults.take()
            self._report(messages)
            return False
        self._faults.end_unconfirmed()
        return True

    def close(self) -> None:
        """Seal the open segment, and those of forked children that have died; later lines are refused."""
        with self._lock:
            self._closing = True
            if not self._draining:  # else the append that this call interrupts closes at its end
                self._drain()
            messages = self._faults.take()
        with contextlib.suppress(OSError):  # the next attempt finds them
            seal_dead(self.folder, self.start, self._settings.file_mode)
        self._report(messages)

    @property
    def size_bytes(self) -> int:
        """Bytes of the folder's files, as last counted, and what was written since; removals show at the next count."""
        return self._admission.used_bytes

    def stats(self) -> JournalStats:
        """What became of every item so far."""
        with self._lock:
            return self._counts.snapshot()

    def _reset(self) -> None:
        """Everything that belongs to one process."""
        self._lock = threading.RLock()
        self._process = os.urandom(4).hex()
        self._number = 0
        self._segment: SegmentWriter | None = None
        self._sealing = Sealing(self._note_unconfirmed)
        self._admission = Admission(
            self.folder, cap_bytes=self._settings.cap_bytes, min_free_bytes=self._settings.min_free_bytes
        )
        self._counts = Counts()
        self._faults = Faults(self.folder)
        self._waiting: deque[tuple[EncodedLine, ...]] = deque()
        self._draining = False
        self._closing = False
        self._closed = False

    def _after_fork(self) -> None:
        """In a forked child: leave the parent's file alone and start over."""
        inherited, sealing, closed = self._segment, self._sealing, self._closed
        self._reset()
        self.preface = bytes
        self._closed = closed
        sealing.forget()
        if inherited is not None:
            inherited.forget()

    def _prepare(self) -> None:
        """Make the folder and count what is in it."""
        now_ns = self._clock()
        try:
            self._make_folder(now_ns)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.folder))
        except OSError as error:
            self._faults.note(error, now_ns)
            self._report(self._faults.take())

    def _make_folder(self, now_ns: int) -> None:
        """Make the folder, also again after it was deleted, and count what is in it."""
        make_folder(self.folder, self._settings.file_mode, levels=2)
        self._admission.recount(now_ns)

    def _drain(self) -> bool:
        """Write what waits, and close if that was asked for; True if all of it is in the file."""
        complete = True
        self._draining = True
        try:
            while self._waiting:
                complete = self._put(self._waiting.popleft()) and complete
        except BaseException as error:
            self._counts.refuse_rest(self._waiting, "interrupted")
            if not isinstance(error, Exception):
                raise
            self._faults.note_text(f"The journal in {self.folder} dropped lines: {error!r}")
            return False
        finally:
            self._draining = False
            if self._closing and not self._closed:
                self._closed = True
                self._seal()
                self._sealing.let_go()
        return complete

    def _put(self, lines: tuple[EncodedLine, ...]) -> bool:
        """Write the admitted lines of one append; True if these are all."""
        now_ns = self._clock()
        reason: Reason | None = "closed" if self._closed else self._faults.reason_to_wait(now_ns)
        if reason is not None:
            self._counts.refuse(lines, reason)
            return not lines
        admitted = self._admit(lines, now_ns)
        if not admitted:
            return not lines
        return self._write(admitted, now_ns) and len(admitted) == len(lines)

    def _admit(self, lines: tuple[EncodedLine, ...], now_ns: int) -> list[EncodedLine]:
        """The lines that there is room for; the others are counted."""
        if self._admission.is_stale(now_ns):
            with contextlib.suppress(OSError):  # the old count is the best there is
                self._admission.recount(now_ns)
        admitted: list[EncodedLine] = []
        ahead_bytes = 0
        for line in lines:
            reason = self._admission.reason_to_refuse(line, ahead_bytes)
            if reason is None:
                admitted.append(line)
                ahead_bytes += line.size_bytes
            else:
                self._counts.refuse((line,), reason)
                self._faults.note_refusal(reason)
        return admitted

    def _write(self, lines: list[EncodedLine], now_ns: int) -> bool:
        """Write lines at once and count each of them; True if all are in the file."""
        data = b"".join([with_check(line.data) for line in lines])
        try:
            segment = self._segment_for(len(data), now_ns)
            before_bytes = segment.size_bytes
            result = segment.write(data)
        except OSError as error:
            self._counts.refuse(lines, self._faults.note(error, now_ns))
            return False
        self._count_bytes(segment.size_bytes - before_bytes)
        if result.error is None:
            self._faults.end()
            self._counts.journal(lines)
            return True
        self._counts.split(lines, result.whole_bytes, self._faults.note(result.error, now_ns))
        self._seal()
        return False

    def _segment_for(self, size_bytes: int, now_ns: int) -> SegmentWriter:
        """The open segment, or a new one if it is full, old or deleted.

        Raises:
            OSError: No segment can be opened.
        """
        segment = self._segment
        if segment is not None and segment.has_vanished:
            self._faults.note_text(f"The journal's open file {segment.path} was deleted; a new one follows.")
            self._seal()
        elif segment is not None and self._is_due(segment, size_bytes, now_ns):
            self._seal()
        return self._segment or self._open(now_ns)

    def _is_due(self, segment: SegmentWriter, size_bytes: int, now_ns: int) -> bool:
        """Whether the segment is to be sealed before ``size_bytes`` more."""
        if segment.is_empty:
            return False
        full = segment.size_bytes + size_bytes > self._settings.segment_bytes
        old = now_ns - segment.opened_ns >= self._settings.segment_age_s * 1e9
        return (full or old) and not self._sealing.is_stuck(now_ns)

    def _open(self, now_ns: int) -> SegmentWriter:
        """Start a new segment.

        Raises:
            OSError: It cannot be made.
        """
        self._make_folder(now_ns)
        self._segment = segment = self._sealing.take_empty()
        if segment is not None:
            return segment
        while segment is None:
            name = SegmentName(self.start, self._process, self._number)
            self._number += 1
            with contextlib.suppress(ClaimedError):
                segment = SegmentWriter(self.folder, name, now_ns, self.preface(), self._settings.file_mode)
        self._segment = segment
        self._count_bytes(segment.size_bytes)
        self._counts.segments += 1
        return segment

    def _count_bytes(self, size_bytes: int) -> None:
        self._admission.add(size_bytes)
        self._counts.written_bytes += size_bytes

    def _seal(self) -> None:
        """Let the open segment go; a fork in between must not find it."""
        segment, self._segment = self._segment, None
        if segment is not None:
            self._sealing.seal(segment, self._clock())

    def _note_unconfirmed(self, error: OSError) -> None:
        self._counts.unconfirmed += 1
        self._faults.note_unconfirmed(error)

    def _report(self, messages: list[str]) -> None:
        """Tell of faults outside the lock: the callback may wait for a lock whose holder appends."""
        try:
            for message in messages:
                self._on_fault(message)
        except Exception:  # noqa: BLE001  # counted: a warning filter may make the callback raise
            self._counts.unreported += 1
