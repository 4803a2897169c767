"""The sender as a process: it hears its parent on stdin, answers on stdout, and ends after it."""

import contextlib
import math
import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

from otel_mmlog.core.escape import continuation
from otel_mmlog.sender.courier import ThreadCourier
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.folder_faults import FolderFaults
from otel_mmlog.sender.launch import Plan
from otel_mmlog.sender.mourning import Mourning
from otel_mmlog.sender.onlooker import Onlooker
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.sender import Pace, Sender
from otel_mmlog.sender.status import SenderStatus, encode_status
from otel_mmlog.sender.status_pipe import StatusPipe
from otel_mmlog.sender.transport import make_transports, protobuf_fallback
from otel_mmlog.sender.words import Words

NICE: Final = 10
POLL_S: Final = 1.0

LAST_ANSWERS_S: Final = 1.0
"""Seconds after its time is over that a sender waits for answers: what it does not hear of is sent again."""

LOOK_ON_S: Final = 0.1
"""Seconds between two looks at how far another sender is, while somebody waits for that."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_READ_BYTES: Final = 65536


def main(
    environ: Mapping[str, str], plan: Mapping[str, Any], on_dead: Callable[[Path], bool] | None = None
) -> NoReturn:
    """Run a sender until its parent is gone and everything delivered, or the linger time is over.

    Args:
        environ: Names the endpoints.
        plan: The fields of a `Plan`.
        on_dead: Journals the last words of dead processes in the folder and seals their segments; returns
            whether none is open any more. Called when the parent is gone, and before an open segment would be
            removed whose writer is dead.
    """
    code = 1
    try:
        _run(environ, Plan(**plan), on_dead)
        code = 0
    except BaseException:  # noqa: BLE001 - nobody else is there to hear of it
        sys.stderr.write(continuation(traceback.format_exc())[1:] + "\n")
        sys.stderr.flush()
    finally:
        # Threads that wait for a server must not hold this process.
        os._exit(code)


def _run(environ: Mapping[str, str], plan: Plan, on_dead: Callable[[Path], bool] | None) -> None:
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    terminated = _become_background(wake_write)
    words = Words(Path(plan.folder), _STDERR, time.time_ns, plan.file_mode)
    endpoints = read_endpoints(environ)
    if endpoints is None:
        words.say("no endpoint is configured")
        return
    transports = make_transports(endpoints)
    reader = JournalReader(Path(plan.folder), on_dead=on_dead, signals=endpoints, file_mode=plan.file_mode)
    sender = Sender(
        reader,
        ThreadCourier(transports, lambda: _wake(wake_write)),
        {signal: protobuf_fallback(transport) is not None for signal, transport in transports.items()},
        random=random.random,
        tell=words.say,
        pace=Pace(gather_s=plan.gather_s, poll_s=POLL_S),
    )
    onlooker = Onlooker(Path(plan.folder), endpoints, plan.file_mode)
    mourning = Mourning(Path(plan.folder), on_dead, words.say)
    _Loop(plan, reader, sender, onlooker, words, wake_read, terminated, mourning).run()


def _become_background(wake_fd: int) -> Callable[[], bool]:
    """Yield to the training process, and learn of SIGTERM; returns whether one has come."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    came: list[int] = []
    signal.set_wakeup_fd(wake_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    return lambda: bool(came)


def _wake(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):  # full: it will wake up anyway
        os.write(fd, b"a")


class _Loop:
    """Waits for the parent, for answers and for the clock, and has the sender do the rest."""

    def __init__(
        self,
        plan: Plan,
        reader: JournalReader,
        sender: Sender,
        onlooker: Onlooker,
        words: Words,
        wake_fd: int,
        terminated: Callable[[], bool],
        mourning: Mourning,
    ) -> None:
        self._plan = plan
        self._reader = reader
        self._sender = sender
        self._onlooker = onlooker
        self._words = words
        self._wake_fd = wake_fd
        self._terminated = terminated
        self._mourning = mourning
        self._pipe = StatusPipe(_STDOUT)
        self._faults = FolderFaults(words.say)
        self._status: SenderStatus | None = None
        self._told_s = 0.0
        self._told_news: tuple[object, ...] = ()
        self._heard_flushes = 0
        self._deadline_s: float | None = None
        self._last_s: float | None = None
        self._is_let_go = False
        self._is_locked = False
        self._lock_fault = ""
        os.set_blocking(_STDIN, False)

    def run(self) -> None:
        """Work until there is nothing to do, or no time left to do it."""
        while True:
            now_s = time.monotonic()
            self._look_after_parent(now_s)
            self._mourn(now_s)
            wake_s = self._step(now_s)
            if self._is_over(now_s):
                break
            self._tell(now_s)
            self._wait(min(wake_s, now_s + POLL_S, self._end_s, self._mourning.wake_s))
        finished = self._deadline_s is not None and self._sender.is_flushed
        self._reader.close()
        self._faults.look(self._reader.counts, time.monotonic())
        self._pipe.put(encode_status(replace(self._current_status(), finished=finished)))

    @property
    def _end_s(self) -> float:
        """The moment at which it ends whatever is left."""
        end_s = self._deadline_s if self._last_s is None else self._last_s
        return math.inf if end_s is None else end_s

    def _is_over(self, now_s: float) -> bool:
        if self._last_s is None and (self._terminated() or now_s >= self._end_s):
            self._last_s = now_s + LAST_ANSWERS_S
            self._sender.stop()
        if self._last_s is not None:
            return now_s >= self._last_s or not self._sender.awaits_answers
        if self._deadline_s is None or self._mourning.is_on:
            return False
        return self._sender.is_flushed or (self._is_locked and self._sender.is_stuck)

    def _step(self, now_s: float) -> float:
        if not self._is_locked and not self._lock():
            return self._look_on(now_s)
        return self._sender.step(now_s)

    def _look_on(self, now_s: float) -> float:
        """See how far the folder's sender is: what that one has delivered is delivered."""
        self._reader.follow()
        if self._onlooker.is_delivered():
            self._sender.fulfil()
        return now_s + (POLL_S if self._sender.is_flushed else LOOK_ON_S)

    def _flush(self, now_s: float) -> None:
        """Deliver what is in the journal now, or have it delivered."""
        self._sender.flush(now_s)
        if not self._is_locked:
            self._onlooker.mark()

    def _lock(self) -> bool:
        """Become the folder's one sender; another one may be about to finish there."""
        try:
            self._is_locked = self._reader.try_lock()
            fault = "" if self._is_locked else "another sender has this folder; waiting for it to end"
        except OSError as error:
            fault = f"the cursor cannot be used: {error}; it is tried again"
        if fault and fault != self._lock_fault:
            self._words.say(fault)
        self._lock_fault = fault
        return self._is_locked

    def _wait(self, wake_s: float) -> None:
        """Sleep until then, or until there is something to hear."""
        poll = select.poll()
        poll.register(self._wake_fd, select.POLLIN)
        if self._deadline_s is None:
            poll.register(_STDIN, select.POLLIN)
        if self._pipe.wants_room:
            poll.register(_STDOUT, select.POLLOUT)
        events = dict(poll.poll(max(0.0, wake_s - time.monotonic()) * 1000))
        if self._wake_fd in events:
            os.read(self._wake_fd, _READ_BYTES)
        if _STDOUT in events:
            self._pipe.go_on()
        if _STDIN in events:
            self._hear()

    def _hear(self) -> None:
        """Do as the parent says; the end of its words is the end of the parent."""
        now_s = time.monotonic()
        try:
            said = os.read(_STDIN, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        for _ in range(said.count(b"F")):
            self._heard_flushes += 1
            self._flush(now_s)
        self._is_let_go |= b"E" in said
        if said:
            self._sender.more(now_s)
        else:
            self._begin_to_end(now_s)

    def _look_after_parent(self, now_s: float) -> None:
        # A process that was forked from the parent's may hold the pipe open.
        if self._deadline_s is None and os.getppid() != self._plan.parent_pid:
            self._begin_to_end(now_s)

    def _begin_to_end(self, now_s: float) -> None:
        if self._deadline_s is None:
            self._deadline_s = now_s + self._plan.linger_s
            self._mourning.begin(now_s)
            self._mourn(now_s)

    def _mourn(self, now_s: float) -> None:
        if self._mourning.ends(now_s, is_let_go=self._is_let_go):
            self._flush(now_s)

    def _tell(self, now_s: float) -> None:
        """Send the status if it has changed: what the parent may wait for at once, else each second at most."""
        news = self._news()
        if news == self._told_news and now_s - self._told_s < POLL_S:
            return
        self._told_s, self._told_news = now_s, news
        self._faults.look(self._reader.counts, now_s)
        status = self._current_status()
        if status != self._status:
            self._status = status
            self._pipe.put(encode_status(status))

    def _news(self) -> tuple[object, ...]:
        """What the parent may wait for: flushes that it asked for, that are fulfilled, and that cannot be now."""
        kinds = {signal: trouble.kind for signal, trouble in self._sender.status().troubles.items()}
        return (self._heard_flushes, self._sender.flushes, kinds)

    def _current_status(self) -> SenderStatus:
        backlog = self._reader.backlog()
        return replace(
            self._sender.status(),
            backlog_bytes=backlog.total_bytes,
            disk_bytes=backlog.disk_bytes,
            oldest_ns=backlog.oldest_ns,
        )
