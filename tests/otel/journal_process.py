"""Processes that write a journal, for tests that kill, fork or starve them.

``python -m tests.otel.journal_process WHAT FOLDER``
"""

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from tests.otel.journal_lines import line

CHILDREN = 8
LINES = 200


def forever(folder: Path) -> None:
    """Append two lines at a time and print each mark once it is acknowledged."""
    journal = Journal(folder, settings=JournalSettings(segment_bytes=30_000))
    number = 0
    while True:
        if journal.append(
            line("metrics", f"m{number}", pad_bytes=1500), line("logs", f"l{number}", pad_bytes=300)
        ):
            os.write(1, f"m{number}\nl{number}\n".encode())
        number += 1


def forks(folder: Path) -> None:
    """Fork children in the middle of another thread's writes; all of them write, none closes."""
    journal = Journal(folder, settings=JournalSettings(segment_bytes=40_000))
    journal.append(line("logs", "first"))
    stop = threading.Event()
    counts = [0]

    def write() -> None:
        while not stop.is_set():
            journal.append(line("logs", f"parent:{counts[0]}", pad_bytes=2000))
            counts[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    children = [_fork(partial(_write_as_child, journal, child)) for child in range(CHILDREN)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    stop.set()
    thread.join()
    journal.close()
    stats = journal.stats()
    print(counts[0], codes, stats.produced["logs"] == stats.journaled["logs"] == counts[0] + 1, flush=True)


def holds(folder: Path) -> None:
    """Keep a segment with one line open until the input ends."""
    journal = Journal(folder)
    print(journal.append(line("logs", "a")), flush=True)
    sys.stdin.buffer.read()


def interrupted(folder: Path) -> None:
    """Append from a signal handler that runs in the middle of an append of the same thread."""
    answers: list[bool] = []

    def clock() -> int:
        signal.raise_signal(signal.SIGUSR1)
        return time.time_ns()

    def log(*_: object) -> None:
        if not answers:
            answers.append(False)
            answers[0] = journal.append(line("logs", "inner"))

    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    journal = Journal(folder, clock=clock)
    signal.signal(signal.SIGUSR1, log)
    outer = journal.append(line("logs", "outer"))
    print(answers[0], outer, journal.stats().journaled["logs"], flush=True)


def worker_outlives_close(folder: Path) -> None:
    """Close while a forked child still has a segment open; the child ends when its input does."""
    journal = Journal(folder)
    journal.append(line("logs", "parent"))
    ready_read, ready_write = os.pipe()

    def child() -> None:
        journal.append(line("logs", "child"))
        os.write(ready_write, b"x")
        sys.stdin.buffer.read()

    pid = _fork(child)
    os.read(ready_read, 1)
    journal.close()
    print("closed", flush=True)
    os.waitpid(pid, 0)


def starved(folder: Path) -> None:
    """Write under a file size limit that cuts lines short, then without it; print what was taken."""
    told: list[str] = []
    now_ns = [time.time_ns()]
    journal = Journal(folder, clock=lambda: now_ns[0], on_fault=told.append)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    taken = []
    for number in range(40):
        now_ns[0] += 1_000_000_000
        pair = (line("metrics", f"m{number}", pad_bytes=700), line("logs", f"l{number}", pad_bytes=900))
        if journal.append(*pair):
            taken += [f"m{number}", f"l{number}"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    now_ns[0] += 1_000_000_000
    print(journal.append(line("logs", "after")), len(told), *taken, flush=True)
    stats = journal.stats()
    print(
        sum(stats.produced.values()), sum(stats.journaled.values()), sum(stats.refused.values()), flush=True
    )


def _fork(work: Callable[[], None]) -> int:
    """Run something in a forked child that ends as a DataLoader worker does."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def _write_as_child(journal: Journal, child: int) -> None:
    for number in range(LINES):
        journal.append(line("logs", f"{child}:{number}", pad_bytes=100))
    stats = journal.stats()
    if stats.journaled != {"logs": LINES} or stats.produced != {"logs": LINES}:
        raise SystemExit(f"child {child} counted {stats}")


WHAT = {each.__name__: each for each in (forever, forks, holds, interrupted, starved, worker_outlives_close)}

if __name__ == "__main__":
    WHAT[sys.argv[1]](Path(sys.argv[2]))
