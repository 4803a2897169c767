"""The training process's side of its sender: start it, poke it, hear from it, and let it go."""

import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from otel_mmlog.core.own_folders import PRIVATE, make_folder
from otel_mmlog.sender.child_process import ChildProcess
from otel_mmlog.sender.fault_report import FaultReport
from otel_mmlog.sender.launch import ENTRY, Plan, reason_not_to_start, sender_command, sender_environment
from otel_mmlog.sender.respawn import Respawn
from otel_mmlog.sender.status import SenderStatus, add_counts, decode_status
from otel_mmlog.sender.words import WORDS, open_words

MORE: Final = b"m"
FLUSH: Final = b"F"
END: Final = b"E"

POKE_S: Final = 0.25
"""Seconds between two pokes that reach the child: it gathers for longer than that anyway."""

_HEAR_S: Final = 1.0


class SenderProcess:
    """The sender of one journal folder, as a child process.

    Nothing here raises into training or waits for the network, and there is no thread: a child that died is
    seen, and after a while replaced, at a `poke`. In a forked process all of it does nothing.

    Args:
        folder: The rank's journal folder.
        environ: Names the endpoints; of the rest the child gets only what it needs.
        linger_s: Seconds that the child may go on for after `close`, or after the death of this process.
        gather_s: Seconds that live lines may wait for others to share a request.
        file_mode: Of the files in the folder; see `make_folder`.
        entry: The module whose ``main`` runs the child.
        on_fault: Gets one sentence when there is no sender, or when it cannot deliver until somebody changes
            something; called with no lock held.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        linger_s: float = 60.0,
        gather_s: float = 1.0,
        file_mode: int = PRIVATE,
        entry: str = ENTRY,
        on_fault: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder.absolute()
        self._environ = sender_environment(environ)
        self._file_mode = file_mode
        self._entry = entry
        self._plan = Plan(str(self._folder), os.getpid(), linger_s, gather_s, file_mode)
        self._clock = clock
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._is_off = True
        self._respawn = Respawn()
        self._heard_s = 0.0
        self._poked_s = -math.inf
        self._flushes = 0
        self._past = SenderStatus()
        self._status: SenderStatus | None = None
        self._faults = FaultReport(self._folder, on_fault)
        forget = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    @property
    def pid(self) -> int | None:
        """The child's process id, or None if there is none now."""
        child = self._child
        return child.pid if child else None

    def start(self) -> None:
        """Start the child; a system that can have none is one fault."""
        reason = reason_not_to_start()
        if reason is not None:
            self._give_up(f"There is no sender, since {reason}")
        elif self._is_off and self._lock.acquire(blocking=False):
            try:
                self._is_off = False
                self._spawn()
            finally:
                self._lock.release()
        self._faults.report()

    def poke(self) -> None:
        """Tell the child that there is more in the journal: now and then a byte, and nothing to wait for."""
        now_s = self._clock()
        if self._is_off or now_s - self._poked_s < POKE_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._poked_s = now_s
            if self._ensure(now_s) and (child := self._child):
                child.write(MORE)
                if child.is_gone or now_s - self._heard_s >= _HEAR_S:
                    self._hear(now_s)
        finally:
            self._lock.release()
        self._faults.report()

    def status(self) -> SenderStatus | None:
        """What the sender told last, as counts over all its lives; None before it told anything."""
        if not self._is_off and self._lock.acquire(blocking=False):
            try:
                self._hear(self._clock())
            finally:
                self._lock.release()
            self._faults.report()
        return self._status

    def flush(self, timeout: float) -> bool:
        """Wait until all that is in the journal now was acknowledged.

        Args:
            timeout: Seconds to wait for that.

        Returns:
            Whether it was.
        """
        deadline_s = self._clock() + timeout
        if self._is_off or not self._lock.acquire(timeout=max(0.0, timeout)):
            return False
        try:
            flushed = self._flush(deadline_s)
        finally:
            self._lock.release()
        self._faults.report()
        return flushed

    def close(self, timeout: float = 3.0) -> bool:
        """Let the child finish and end.

        Args:
            timeout: Seconds to wait for it; if it takes longer, it goes on alone for the linger time.

        Returns:
            Whether all that was in the journal was acknowledged.
        """
        deadline_s = self._clock() + timeout
        if self._is_off or not self._lock.acquire(timeout=max(0.0, timeout)):
            return False
        try:
            self._is_off = True
            if self._child is None:
                self._spawn()
            return self._finish(deadline_s)
        finally:
            self._lock.release()
            self._faults.report()

    def _ensure(self, now_s: float) -> bool:
        """Whether there is a child, perhaps a new one in place of one that died."""
        if self._child is None and now_s >= self._respawn.due_s:
            self._spawn()
        return self._child is not None

    def _spawn(self) -> None:
        """Start a child; what prevents that counts as a death."""
        self._flushes = 0
        self._heard_s = self._clock()
        self._respawn.birth(self._heard_s)
        try:
            make_folder(self._folder, self._file_mode, levels=2)
            words_fd = self._open_words()
            try:
                self._child = ChildProcess(sender_command(self._plan, self._entry), self._environ, words_fd)
            finally:
                os.close(words_fd)
        except (OSError, RuntimeError) as error:  # RuntimeError: the interpreter is about to end
            self._on_death(f"it cannot be started: {error}")

    def _open_words(self) -> int:
        """A descriptor of its log; of nothing where there can be none: that must not keep it from sending."""
        try:
            return open_words(self._folder, self._file_mode)
        except OSError:
            return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)

    def _hear(self, now_s: float) -> None:
        """Take in what the child told, and whether it died."""
        child = self._child
        if child is None:
            return
        self._heard_s = now_s
        for line in child.read_lines():
            status = decode_status(line)
            if status is not None:
                self._take(status)
        if child.is_gone:
            child.let_go()
            self._on_death(f"its words are in {self._folder / WORDS}")

    def _take(self, status: SenderStatus) -> None:
        self._status = add_counts(self._past, status)
        self._faults.add_pauses(status)

    def _on_death(self, why: str) -> None:
        """Plan the next child, later from one to the next; after the fifth there is none."""
        self._child = None
        self._past = self._status or self._past
        self._respawn.death(self._clock())
        if self._respawn.is_over:
            self._give_up(f"The sender has ended {self._respawn.deaths} times; {why}")

    def _give_up(self, what: str) -> None:
        self._is_off = True
        self._faults.add_end(what)

    def _flush(self, deadline_s: float) -> bool:
        if self._child is None:
            self._spawn()
        child, wanted = self._child, self._flushes + 1
        if child is None:
            return False
        while not child.write(FLUSH):
            now_s = self._clock()
            self._hear(now_s)
            if child.is_gone or now_s >= deadline_s:
                return False
            child.wait(deadline_s - now_s, writable=True)
        self._flushes = wanted
        return self._await(child, deadline_s, lambda status: status.flushes >= wanted)

    def _finish(self, deadline_s: float) -> bool:
        child = self._child
        if child is None:
            return False
        child.write(END)
        child.close_input()
        finished = self._await(child, deadline_s, lambda status: status.finished)
        child.let_go(min(1.0, deadline_s - self._clock()))
        self._child = None
        return finished

    def _await(self, child: ChildProcess, deadline_s: float, is_met: Callable[[SenderStatus], bool]) -> bool:
        """Wait until the child tells of something; False if it ends before, or at the deadline."""
        while True:
            for line in child.read_lines():
                status = decode_status(line)
                if status is not None:
                    self._take(status)
                    if is_met(status):
                        return True
            now_s = self._clock()
            if child.is_gone or now_s >= deadline_s:
                return False
            child.wait(deadline_s - now_s)

    def _after_fork(self) -> None:
        """In a forked process: let the child of the one that forked alone."""
        child, self._child = self._child, None
        self._is_off = True
        self._lock = threading.Lock()
        if child is not None:
            child.forget()
