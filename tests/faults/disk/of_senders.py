"""What a disk refuses a sender: each call, each error, made by a library that is preloaded."""

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from otel_mmlog.sender.launch import Plan, sender_command
from otel_mmlog.sender.words import WORDS, open_words
from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.script import Reply, Request
from tests.end_to_end.servers import wait_until
from tests.faults.disk.failing_disk import ERRORS, EVERY_CHANGE, NOT_MADE, Call, FailingDisk, can_fail
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, unless
from tests.faults.training import ENDPOINT, Closed, Training, started
from tests.processes import environment

EPISODE_S: Final = 2.5
"""Longer than it takes to write a cursor again."""

_STEPS: Final = 500
_CALM_STEPS: Final = 50
_STEP: Final = re.compile(rb'"step (\d+)"')
_VARIABLES: Final = {
    # Spans that are open are told at the head of each segment, so that they arrive more than once.
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_MMLOG_SEGMENT_MAX_AGE": "1",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the disk does, and what is expected.

    Attributes:
        calls: The calls that fail.
        part: What the names of the files have in them.
        but: What they do not have in them.
        says: What the sender's log says of it, once an episode; empty if it cannot.
        quarantined: Whether the server refuses a line for good.
        at_start: Whether the disk fails already when the sender starts.
        busy: Whether the server takes nothing meanwhile, so that there is something to say.
        briefly: The error of the short form.
    """

    calls: tuple[Call, ...]
    part: str = ""
    but: str = ""
    says: str = "the journal's folder fails"
    quarantined: bool = False
    at_start: bool = False
    busy: bool = False
    briefly: str = "ENOSPC"


REFUSALS: Final[Mapping[str, Refusal]] = {
    "cursor-write": Refusal(("write",), "/cursor"),
    "cursor-open": Refusal(
        ("open",), "/cursor", at_start=True, says="the cursor cannot be used", briefly="EROFS"
    ),
    "cursor-rename": Refusal(("rename",), "/cursor", at_start=True, briefly="EDQUOT"),
    "segment-unlink": Refusal(("unlink",), ".jsonl", "/quarantine", briefly="EROFS"),
    "segment-read": Refusal(("read",), ".jsonl", "/quarantine", briefly="EIO"),
    "quarantine-write": Refusal(
        ("open", "write"), "/quarantine", says="the journal cannot be used", quarantined=True
    ),
    "log-write": Refusal(("write",), f"/{WORDS}", says="", busy=True, briefly="EDQUOT"),
    "everything": Refusal(EVERY_CHANGE, but=f"/{WORDS}", briefly="EIO"),
}


@dataclass(slots=True)
class Seen:
    """What was seen of the senders, and at the end of the training."""

    failed_calls: list[int] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    quarantined: Counter[str] = field(default_factory=Counter)
    closed: Closed | None = None


class Sender:
    """A sender with a failing disk, whose parent is this process.

    Attributes:
        process: It.
        status: What it told last.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.status: dict[str, Any] = {}

    def flush(self) -> None:
        """All that is in the journal is to be sent now."""
        assert self.process.stdin is not None
        self.process.stdin.write("F")
        self.process.stdin.flush()

    def end(self) -> int:
        """Let it end after its work; returns its exit code."""
        out, _ = self.process.communicate(timeout=30)
        self.status = json.loads(out.splitlines()[-1])
        return self.process.returncode


def refused(context: Context, refusal: Refusal) -> Outcome:
    """The disk fails a sender for a while, each error another one; all that was logged is delivered, nothing twice."""
    if not can_fail():
        return Outcome(note=NOT_MADE)
    errors = [refusal.briefly] if context.is_short else list(ERRORS)
    disk = FailingDisk(context.folder / "shim")
    seen = Seen()
    with FakeReceiver() as receiver, started(context.folder / "run", _VARIABLES) as training:
        if refusal.quarantined:
            receiver.answer_by(_refuse_one)
        for error in errors:
            last = error == errors[-1]
            _send_through(training, receiver, disk, refusal, ERRORS[error], seen, close=last)
        assert seen.closed is not None
        closed = replace(seen.closed, quarantined=seen.quarantined)
        sums, wrong = balance(closed, taken(receiver), on_disk(training.journals))
    folder = training.work_dir / "otlp" / "rank0000"
    words = (folder / WORDS).read_text()
    said = words.count(refusal.says) if refusal.says else len(errors)
    left = [path.name for path in training.journals if not path.name.startswith("quarantine.")]
    wrong += unless(all(seen.failed_calls), f"calls that failed, by error: {seen.failed_calls}")
    wrong += unless(seen.codes == {0}, f"senders ended with {seen.codes}: {words[-300:]}")
    wrong += unless(not sums.dropped, f"{dict(sums.dropped)} items were dropped")
    # To tell a bad line from a server that takes nothing, the sender may send a good one once more.
    allowed = len(errors) if refusal.quarantined else 0
    wrong += unless(sums.repeated <= allowed, f"{sums.repeated} items were sent twice")
    wrong += unless(not left, f"delivered segments were left: {left}")
    wrong += _wrong_quarantine(folder, sums.quarantined, len(errors) if refusal.quarantined else 0)
    wrong += unless(said == len(errors), f"its log says so {said} times in {len(errors)} episodes: {words}")
    note = f"injected: {', '.join(errors)} at {sum(seen.failed_calls)} calls"
    return Outcome(sums, None, None, wrong, note)


def _send_through(
    training: Training,
    receiver: FakeReceiver,
    disk: FailingDisk,
    refusal: Refusal,
    error: int,
    seen: Seen,
    *,
    close: bool,
) -> None:
    """A sender for which the disk fails for a while: long enough that a word a try would show."""
    before, requests = disk.made, len(receiver.requests)
    folder = training.work_dir / "otlp" / "rank0000"
    if refusal.at_start:
        disk.fail(refusal.calls, error, folder, refusal.part, refusal.but)
    with sending(folder, receiver, disk) as sender:
        training.train(_CALM_STEPS)
        if not refusal.at_start:
            assert wait_until(lambda: len(receiver.requests) > requests, 20), "the sender sends nothing"
        if refusal.busy:
            receiver.answer(503, times=None)
        with disk.failing(refusal.calls, error, folder, refusal.part, refusal.but):
            for _ in range(5):
                training.train(_STEPS // 5)
                sender.flush()
                time.sleep(EPISODE_S / 5)
        seen.failed_calls.append(disk.made - before)
        if refusal.busy:
            receiver.accept()
        training.train(_CALM_STEPS)
        if close:
            seen.closed = training.close()
        seen.codes.add(sender.end())
    seen.quarantined.update(sender.status["quarantined"])


@contextmanager
def sending(folder: Path, receiver: FakeReceiver, disk: FailingDisk) -> Iterator[Sender]:
    """The sender of a journal folder, as a run starts it, but that the library is preloaded."""
    plan = Plan(str(folder), os.getpid(), linger_s=20.0, gather_s=0.05)
    words_fd = open_words(folder)
    try:
        process = subprocess.Popen(
            sender_command(plan, "otel_mmlog.sender_main"),
            env=environment({ENDPOINT: receiver.http_endpoint, **disk.variables}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words_fd,
            text=True,
        )
    finally:
        os.close(words_fd)
    with process:
        try:
            yield Sender(process)
        finally:
            process.kill()


def _refuse_one(request: Request) -> Reply | None:
    """The server finds something wrong, for ever, with one line of each sender's."""
    steps = (int(step) for step in _STEP.findall(request.body))
    bad = any(step % (_STEPS + 2 * _CALM_STEPS) == 2 * _CALM_STEPS for step in steps)
    return Reply(400, message="malformed") if bad else None


def _wrong_quarantine(folder: Path, counted: int, expected: int) -> list[str]:
    path = folder / "quarantine.logs.jsonl"
    kept = len(path.read_text().splitlines()) if path.exists() else 0
    return unless(
        counted == kept == expected, f"{counted} items are counted and {kept} set aside, not {expected}"
    )


def _made(make: Callable[[Context], Outcome], name: str) -> Fault:
    return Fault(f"sender-{name}", make)


FAULTS: Sequence[Fault] = named(
    "disk", [_made(partial(refused, refusal=refusal), name) for name, refusal in REFUSALS.items()]
)
