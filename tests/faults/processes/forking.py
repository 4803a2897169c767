"""Programs that fork and spawn while they log: ``python -m tests.faults.processes.forking NAME WORK_DIR COUNT``.

Each prints one JSON object at its end: how many lines of each writer it has logged, and what it saw.
"""

import faulthandler
import json
import logging
import logging.handlers
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any

import structlog

import otel_mmlog
from otel_mmlog.core.hub import MessageHub

HANG_S = 20.0
WORKERS = 8
LINES = 6
POOL = 3
_PAD = "x" * 200
_Seen = dict[str, Any]
_runs: list[otel_mmlog.Run] = []
_structlog = structlog.wrap_logger(
    logging.getLogger("structured"),
    processors=[structlog.stdlib.render_to_log_kwargs],
    wrapper_class=structlog.stdlib.BoundLogger,
)


def text(who: str, number: int) -> str:
    """A line that shows where it is torn."""
    return f"line {who} {number} {_PAD} end"


def say(who: str, number: int) -> None:
    """Log a line, through the standard library, structlog and the run in turn."""
    loggers = (logging.getLogger("worker"), _structlog, *(run.logger for run in _runs))
    loggers[number % len(loggers)].info(text(who, number))


def mid_write(run: otel_mmlog.Run, count: int) -> _Seen:
    """Fork again and again while threads write; each child logs, opens a span and asks for the hub."""
    caught = []
    os.register_at_fork(before=lambda: caught.append(_is_held(run._parts.journal._lock)))
    hung = 0
    with _threads_that_write(run) as written:
        for number in range(count):
            pid = os.fork()
            if pid == 0:
                _child(run, number)
            hung += not _ended_well(pid)
    lines = {**written, **{f"child{number}": LINES for number in range(count)}}
    return {"lines": lines, "hung": hung, "caught": sum(caught), "children": count}


def outlive(run: otel_mmlog.Run, count: int) -> _Seen:
    """Fork children that go on to log after the run was closed; they end when nobody reads their pipe any more."""
    go, going = os.pipe()
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            os.close(going)
            say(f"child{number}", 0)
            os.read(go, 1)
            for line in range(1, LINES):
                say(f"child{number}", line)
            os._exit(0)
        pids.append(pid)
    begun_s = time.monotonic()
    run.close()
    close_s = time.monotonic() - begun_s
    os.close(going)
    hung = sum(not _ended_well(pid) for pid in pids)
    return {
        "lines": {f"child{number}": LINES for number in range(count)},
        "hung": hung,
        "close_s": close_s,
    }


def loader(run: otel_mmlog.Run, count: int) -> _Seen:
    """Train some epochs with eight forked loader workers, which log each item, beside threads that write."""
    from torch.utils.data import DataLoader  # noqa: PLC0415 - slow, and only needed here

    items: Any = _Items()
    batches: Any = DataLoader(items, batch_size=2, num_workers=WORKERS, multiprocessing_context="fork")
    with _threads_that_write(run) as written:
        for epoch in run.epochs(count):
            items.epoch = epoch
            for batch in run.train(batches):
                run.log(loss=float(batch.sum()))
    lines = {**written, **{f"epoch{epoch}": len(items) for epoch in range(count)}}
    return {"lines": lines, "hung": 0}


def pool(run: otel_mmlog.Run, count: int, method: str) -> _Seen:
    """Have pools log: forked workers through the run, others through a queue, as the standard library has it."""
    context = multiprocessing.get_context(method)
    with _threads_that_write(run) as written, _queue(context, method) as (connect, arguments):
        for number in range(count):
            with context.Pool(POOL, connect, arguments) as workers:
                result = workers.starmap_async(say, [(f"pool{number}", line) for line in range(LINES * 2)])
                result.get(HANG_S * 3)
                workers.close()
                workers.join()
    return {"lines": {**written, **{f"pool{number}": LINES * 2 for number in range(count)}}, "hung": 0}


class _Items:
    """A dataset whose items log."""

    epoch = 0

    def __len__(self) -> int:
        return WORKERS * 4

    def __getitem__(self, index: int) -> float:
        say(f"epoch{self.epoch}", index)
        if _runs:
            _runs[-1].log(loss=0.0)  # not kept, and told once
        return float(index)


@contextmanager
def _threads_that_write(run: otel_mmlog.Run) -> Iterator[dict[str, int]]:
    """Threads that log, open spans and ask for hubs without a pause; the dict fills when they have ended."""
    stop = threading.Event()
    written: dict[str, int] = {}

    def write(who: str) -> None:
        number = 0
        while not stop.is_set():
            say(who, number)
            with run.span("part"):
                MessageHub.get_instance(f"hub of {who}")
            number += 1
            time.sleep(0.0005)
        written[who] = number

    threads = [threading.Thread(target=write, args=(f"thread{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def _queue(context: BaseContext, method: str) -> Iterator[tuple[Callable[..., None] | None, tuple[Any, ...]]]:
    """What connects the workers of a pool to this process's handlers: nothing where they are forked."""
    if method == "fork":
        yield None, ()
        return
    queue = context.Queue()
    listener = logging.handlers.QueueListener(queue, *logging.getLogger().handlers)
    listener.start()
    try:
        yield _connect, (queue,)
    finally:
        listener.stop()


def _connect(queue: Any) -> None:
    root = logging.getLogger()
    root.addHandler(logging.handlers.QueueHandler(queue))
    root.setLevel(logging.INFO)


def _child(run: otel_mmlog.Run, number: int) -> None:
    """What a forked child does; it never returns."""
    code = 1
    try:
        for line in range(LINES):
            say(f"child{number}", line)
        with run.span("child"):
            MessageHub.get_current_instance()
        run.log(loss=0.0)
        code = 0
    finally:
        os._exit(code)


def _is_held(lock: Any) -> bool:
    """Whether another thread holds a lock."""
    free = lock.acquire(blocking=False)
    if free:
        lock.release()
    return not free


def _ended_well(pid: int) -> bool:
    """Wait for a child; one that hangs tells where, and is killed."""
    deadline_s = time.monotonic() + HANG_S
    while time.monotonic() < deadline_s:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.001)
    os.kill(pid, signal.SIGABRT)
    os.waitpid(pid, 0)
    return False


PROGRAMS: dict[str, Callable[[otel_mmlog.Run, int], _Seen]] = {
    "mid-write": mid_write,
    "outlive": outlive,
    "loader": loader,
    "pool-fork": lambda run, count: pool(run, count, "fork"),
    "pool-spawn": lambda run, count: pool(run, count, "spawn"),
    "pool-forkserver": lambda run, count: pool(run, count, "forkserver"),
}


def main() -> None:
    """Run one of the programs."""
    name, work_dir, count = sys.argv[1:]
    faulthandler.enable()
    warnings.simplefilter("ignore")  # of forks beside threads, and of more workers than cores
    run = otel_mmlog.init("tmp", work_dir=work_dir, console=False)
    _runs.append(run)
    seen = PROGRAMS[name](run, int(count))
    complete = run.close()
    spans = {
        "part": sum(count for who, count in seen["lines"].items() if who.startswith("thread")),
        "child": seen.pop("children", 0),
    }
    spans = {name: count for name, count in spans.items() if count}
    print(json.dumps({"close_s": None, **seen, "spans": spans, "complete": complete}), flush=True)


if __name__ == "__main__":
    main()
