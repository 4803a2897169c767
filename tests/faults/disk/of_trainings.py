"""What a disk refuses a training process: each call, each error, made by a library that is preloaded."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from otel_mmlog.pipeline.handler import QUIET_S
from otel_mmlog.testing import FakeReceiver
from tests.faults.disk.failing_disk import ERRORS, EVERY_CHANGE, NOT_MADE, Call, FailingDisk, can_fail
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, Sums, unless
from tests.faults.trainer import CONSOLE
from tests.faults.training import ENDPOINT, Closed, Training, send, started, wait_for_senders

RETRY_S: Final = 1.0
"""How long a journal leaves a disk alone that failed."""

REASONS: Final[Mapping[str, str]] = {
    "ENOSPC": "no_space",
    "EDQUOT": "no_space",
    "EIO": "io_error",
    "EROFS": "unwritable",
}
SMALL_SEGMENTS: Final = {"OTEL_MMLOG_SEGMENT_MAX_BYTES": "4096"}
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the disk does, and what is expected.

    Attributes:
        calls: The calls that fail.
        below: Where, relative to the work_dir.
        drops: Whether lines of the journal are dropped, and counted.
        warns: Whose warnings are expected, one an episode: words that one of them has in it.
        variables: Of the training.
        briefly: The error of the short form.
    """

    calls: tuple[Call, ...]
    below: str = "otlp/"
    drops: bool = False
    warns: tuple[str, ...] = ()
    variables: Mapping[str, str] | None = None
    briefly: str = "ENOSPC"

    def errors(self, context: Context) -> Sequence[str]:
        """What the disk fails with, one after the other."""
        return [self.briefly] if context.is_short else list(ERRORS)


_JOURNAL: Final = "cannot be written"
_CONFIRM: Final = "does not confirm"
_FILES: Final = ("json file failed", "text file failed")

REFUSALS: Final[Mapping[str, Refusal]] = {
    "journal-write": Refusal(("write",), drops=True, warns=(_JOURNAL,)),
    "journal-create": Refusal(
        ("open", "mkdir"), drops=True, warns=(_JOURNAL,), variables=SMALL_SEGMENTS, briefly="EROFS"
    ),
    "journal-write-and-unlink": Refusal(("write", "unlink", "truncate"), drops=True, warns=(_JOURNAL,)),
    "journal-rename": Refusal(("rename",), variables=SMALL_SEGMENTS, briefly="EDQUOT"),
    "journal-fsync": Refusal(("fsync",), warns=(_CONFIRM,), briefly="EIO"),
    "journal-close": Refusal(("close",), warns=(_CONFIRM,), variables=SMALL_SEGMENTS, briefly="EIO"),
    "files-write": Refusal(("write",), "tmp.", warns=_FILES),
    "everything": Refusal(EVERY_CHANGE, "", drops=True, warns=(_JOURNAL, _CONFIRM, *_FILES), briefly="EIO"),
}


@dataclass(slots=True)
class Made:
    """What was seen while the faults were made."""

    failed_calls: Counter[str]
    lines: Counter[str]
    unsure: int = 0


def refused(context: Context, refusal: Refusal) -> Outcome:
    """The disk fails for a while, once with each error; then everything is delivered that it took."""
    if not can_fail():
        return Outcome(note=NOT_MADE)
    errors = refusal.errors(context)
    with FakeReceiver() as receiver, _training(context, receiver, refusal.variables) as (training, disk):
        training.train(_STEPS)
        made = Made(Counter(), Counter())
        for error in errors:
            _fail_for_a_while(training, disk, refusal, error, made)
            time.sleep(QUIET_S if error != errors[-1] else 0)
        closed = training.close()
        wait_for_senders(training.work_dir)
        sent = send(training.work_dir, receiver.http_endpoint)
        sums, wrong = balance(closed, taken(receiver), on_disk(training.journals))
    wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += [f"no call failed with {error}" for error in errors if not made.failed_calls[error]]
    wrong += _wrong_drops(sums, errors, drops=refusal.drops)
    wrong += _wrong_warnings(context.folder / "stderr", closed, refusal, errors)
    wrong += _wrong_confirmation(closed, refusal, made, errors)
    wrong += _wrong_lines(training.work_dir, closed, errors)
    calls = sum(made.failed_calls.values())
    return Outcome(sums, None, closed.close_s, wrong, f"injected: {', '.join(errors)} at {calls} calls")


@contextmanager
def _training(
    context: Context, receiver: FakeReceiver, variables: Mapping[str, str] | None
) -> Iterator[tuple[Training, FailingDisk]]:
    disk = FailingDisk(context.folder / "shim")
    own = {
        ENDPOINT: receiver.http_endpoint,
        CONSOLE: "1",
        **disk.variables,
        **(variables or {}),
    }
    with started(context.folder / "run", own, stderr=context.folder / "stderr") as training:
        yield training, disk


def _fail_for_a_while(
    training: Training, disk: FailingDisk, refusal: Refusal, error: str, made: Made
) -> None:
    """An episode: longer than it takes to try again, so that a warning a try would show."""
    before = disk.made
    with disk.failing(refusal.calls, ERRORS[error], training.work_dir / refusal.below):
        training.train(_STEPS)
        time.sleep(RETRY_S + 0.1)
        training.train(_STEPS)
        made.unsure += not training.flush(5)
    made.failed_calls[error] += disk.made - before
    time.sleep(RETRY_S + 0.1)
    training.train(_STEPS)
    training.flush(5)


def _wrong_drops(sums: Sums, errors: Sequence[str], *, drops: bool) -> list[str]:
    if not drops:
        return unless(not sums.dropped, f"{dict(sums.dropped)} items were dropped")
    expected = {REASONS[error] for error in errors}
    wrong = unless(set(sums.dropped) == expected, f"dropped for {set(sums.dropped)}, not for {expected}")
    # An episode may cost what was logged in it, and in the time until the disk is tried again.
    most = sums.produced * 3 * len(errors) / (3 * len(errors) + 1)
    return wrong + unless(sum(sums.dropped.values()) < most, "writing did not resume")


def _wrong_warnings(console: Path, closed: Closed, refusal: Refusal, errors: Sequence[str]) -> list[str]:
    """One from each output for each episode, and no others; the console shows each text once."""
    expected = len(refusal.warns) * len(errors)
    warnings = [line for line in console.read_text().splitlines() if " WARNING " in line]
    wrong = [
        f"{len(found)} warnings that say {word!r} in {len(errors)} episodes"
        for word in refusal.warns
        if len(found := [line for line in warnings if word in line]) != len(errors)
    ]
    wrong += unless(closed.warnings == expected, f"{closed.warnings} warnings, not {expected}")
    others = [line for line in warnings if not any(word in line for word in refusal.warns)]
    return wrong + [f"it warned: {line}" for line in others]


def _wrong_confirmation(closed: Closed, refusal: Refusal, made: Made, errors: Sequence[str]) -> list[str]:
    """What the disk does not confirm is not called safe."""
    if "fsync" in refusal.calls:
        return [
            *unless(made.unsure == len(errors), f"flush was sure in {len(errors) - made.unsure} episodes"),
            *unless(closed.unconfirmed >= len(errors), f"{closed.unconfirmed} failed fsyncs were counted"),
        ]
    expected = sum(made.failed_calls.values()) if refusal.calls == ("close",) else 0
    return unless(
        expected >= closed.unconfirmed >= bool(expected) * len(errors),
        f"{closed.unconfirmed} unconfirmed files were counted, but {expected} calls failed",
    )


def _wrong_lines(work_dir: Path, closed: Closed, errors: Sequence[str]) -> list[str]:
    """The lines of the JSON file are whole; what is missing was counted."""
    lines = (work_dir / "tmp.jsonl").read_text().splitlines()
    whole = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    steps = {line["step"] for line in whole if "tags" in line}
    missed = sum(count for name, count in closed.faults.items() if name.startswith("json file"))
    last = _STEPS * (3 * len(errors) + 1)
    return [
        *unless(len(lines) == len(whole), f"{len(lines) - len(whole)} lines of the JSON file are torn"),
        *unless(max(steps) == last, f"the JSON file ends at step {max(steps)}, not {last}"),
        *unless(len(steps) + missed >= last // 10, f"{last // 10 - len(steps) - missed} records are missing"),
    ]


def _from_the_start(context: Context, error: str) -> Outcome:
    """The disk takes nothing while the run starts, and then all the time: training goes on, with one warning."""
    if not can_fail():
        return Outcome(note=NOT_MADE)
    disk = FailingDisk(context.folder / "shim")
    work_dir = context.folder / "run"
    disk.fail(EVERY_CHANGE, ERRORS[error], work_dir)
    with started(work_dir, {CONSOLE: "1", **disk.variables}, stderr=context.folder / "stderr") as training:
        training.train(_STEPS)
        closed = training.close()
    sums, wrong = balance(closed, taken(), on_disk(training.journals))
    warnings = [line for line in (context.folder / "stderr").read_text().splitlines() if " WARNING " in line]
    wrong += unless(len(warnings) == closed.warnings == 1, f"{closed.warnings} warnings: {warnings}")
    wrong += unless(set(sums.dropped) == {REASONS[error]}, f"dropped for {set(sums.dropped)}")
    wrong += unless(not closed.complete, "close said that all is safe")
    return Outcome(sums, None, closed.close_s, wrong, f"injected: {error} at {disk.made} calls")


def _made(make: Callable[[Context], Outcome], name: str) -> Fault:
    return Fault(f"training-{name}", make)


FAULTS: Sequence[Fault] = named(
    "disk",
    [
        *(_made(partial(refused, refusal=refusal), name) for name, refusal in REFUSALS.items()),
        *(_made(partial(_from_the_start, error=error), f"start-{error}") for error in ERRORS),
    ],
)
