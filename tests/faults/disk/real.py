"""Disks that are full, small, read-only or gone, as the kernel makes them."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from otel_mmlog.pipeline.handler import QUIET_S
from otel_mmlog.pipeline.line_file import LOOK_S
from otel_mmlog.testing import FakeReceiver
from tests.faults.disk.disks import NOT_MADE, bound_by_modes, small_disk
from tests.faults.disk.of_trainings import RETRY_S
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, Sums, unless
from tests.faults.trainer import CONSOLE
from tests.faults.training import ENDPOINT, Training, send, started, wait_for_senders
from tests.processes import REPOSITORY, environment

_STEPS: Final = 100
_EXHAUSTED: Final = frozenset({"no_space", "low_space"})


def full(context: Context) -> Outcome:
    """Another program fills the disk to the last byte, again and again, and makes room again."""
    disk = context.folder / "disk"
    episodes = context.pick(1, 5)
    with small_disk(disk, "100m") as made, FakeReceiver() as receiver:
        if not made:
            return Outcome(note=NOT_MADE)
        variables = {ENDPOINT: receiver.http_endpoint, CONSOLE: "1"}
        with started(disk / "run", variables, stderr=context.folder / "stderr") as training:
            training.train(_STEPS)
            for episode in range(episodes):
                time.sleep(QUIET_S if episode else 0)
                _fill_for_a_while(training, disk / "ballast", left_bytes=5000 + 1000 * episode)
            closed = training.close()
        wait_for_senders(disk / "run")
        sent = send(disk / "run", receiver.http_endpoint)
        sums, wrong = balance(closed, taken(receiver), on_disk(training.journals))
        steps, torn = _read_steps(disk / "run" / "tmp.jsonl")
    warnings = _warnings(context)
    missed = sum(count for name, count in closed.faults.items() if name.startswith("json file"))
    last = _STEPS * (3 * episodes + 1)
    wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += unless("no_space" in sums.dropped, f"dropped for {set(sums.dropped)}")
    wrong += unless(set(sums.dropped) <= _EXHAUSTED, f"dropped for {set(sums.dropped)}")
    wrong += unless(torn == 0, f"{torn} lines of the JSON file are torn")
    wrong += unless(
        max(steps, default=0) == last, f"the JSON file ends at step {max(steps, default=0)}, not {last}"
    )
    wrong += unless(missed > 0, "the JSON file took everything")
    wrong += unless(
        len(steps) + missed >= last // 10, "records are missing from the JSON file, and not counted"
    )
    # Of the journal, of each file and of the disk's last bytes.
    wrong += unless(
        1 <= closed.warnings <= 4 * episodes, f"{closed.warnings} warnings in {episodes} episodes: {warnings}"
    )
    return Outcome(sums, None, closed.close_s, wrong, f"real: a tmpfs was full {episodes} times")


def _fill_for_a_while(training: Training, ballast: Path, left_bytes: int) -> None:
    """Leave a little, so that the first line that does not fit is written in part."""
    space = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - left_bytes)
    training.train(_STEPS)
    time.sleep(RETRY_S + 0.1)
    training.train(_STEPS)
    ballast.unlink()
    time.sleep(RETRY_S + 0.2)
    training.train(_STEPS)


def refused_from_the_start(context: Context, options: Sequence[str], reason: str, size: str) -> Outcome:
    """The disk is so when the run starts: training goes on, with one warning, and all of it is counted."""
    disk = context.folder / "disk"
    with small_disk(disk, size, *options) as made:
        if not made:
            return Outcome(note=NOT_MADE)
        run = disk if "ro" in options else disk / "run"
        with started(run, {CONSOLE: "1"}, stderr=context.folder / "stderr") as training:
            training.train(_STEPS)
            outcome = _closed(context, training, reason)
    return replace(outcome, note=f"real: a tmpfs of {', '.join([size, *options])}")


def unwritable(context: Context) -> Outcome:
    """The folder's mode does not let the run write."""
    prefix = bound_by_modes()
    if prefix is None:
        return Outcome(note="not made: needs setpriv, to be bound by modes as root")
    run = context.folder / "run"
    run.mkdir(mode=0o555)
    with started(run, {CONSOLE: "1"}, stderr=context.folder / "stderr", prefix=prefix) as training:
        training.train(_STEPS)
        outcome = _closed(context, training, "unwritable")
    left = [path.name for path in run.iterdir()]
    wrong = [*outcome.wrong, *unless(not left, f"it wrote {left}")]
    return replace(outcome, wrong=wrong, note="real: mode 0555, without CAP_DAC_OVERRIDE")


def _closed(context: Context, training: Training, reason: str) -> Outcome:
    closed = training.close()
    sums, wrong = balance(closed, taken(), on_disk(training.journals))
    warnings = _warnings(context)
    wrong += unless(set(sums.dropped) == {reason}, f"dropped for {set(sums.dropped)}")
    wrong += unless(len(warnings) == closed.warnings == 1, f"{closed.warnings} warnings: {warnings}")
    wrong += unless(not closed.complete, "close said that all is safe")
    return Outcome(sums, None, closed.close_s, wrong)


def deleted(context: Context) -> Outcome:
    """Somebody deletes the work_dir under training and sender; what comes later is in new files, and arrives."""
    run = context.folder / "run"
    with FakeReceiver() as receiver:
        variables = {
            ENDPOINT: receiver.http_endpoint,
            CONSOLE: "1",
            "OTEL_MMLOG_CLOSE_TIMEOUT": str(context.settle_timeout_s),
        }
        with started(run, variables, stderr=context.folder / "stderr") as training:
            training.train(_STEPS)
            flushed = training.flush(30)
            shutil.rmtree(run)
            time.sleep(LOOK_S)
            training.train(_STEPS)
            closed = training.close()
        wait_for_senders(run)
        sums, wrong = balance(closed, taken(receiver), on_disk(training.journals))
        steps, torn = _read_steps(run / "tmp.jsonl")
    warnings = _warnings(context)
    wrong += unless(flushed, "the server did not get everything before")
    wrong += unless(closed.complete, "close did not say that all was delivered")
    wrong += unless(sums.delivered == sums.produced, f"{sums.in_journal} items were left in the journal")
    wrong += unless(not sums.dropped, f"{dict(sums.dropped)} items were dropped")
    wrong += unless(torn == 0, f"{torn} lines of the new JSON file are torn")
    wrong += unless(steps == set(range(110, 201, 10)), f"the new JSON file has the steps {sorted(steps)}")
    wrong += unless(len(warnings) == closed.warnings == 1, f"{closed.warnings} warnings: {warnings}")
    return Outcome(sums, None, closed.close_s, wrong, "real: rm -r")


def admission(context: Context) -> Outcome:
    """A journal that nobody empties fills up: the dearest data goes last, and the cap holds."""
    cap_bytes = context.pick(1, 8) * 1024 * 1024
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.disk.filling", str(context.folder / "run")],
        cwd=REPOSITORY,
        env=environment({"OTEL_MMLOG_JOURNAL_MAX_BYTES": str(cap_bytes)}),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said = json.loads(done.stdout)
    line_bytes = said["line_bytes"]
    wrong = [
        f"{kind}: taken last at {last} bytes and refused first at {first}, but {share:.0%} are {limit:.0f}"
        for kind, share in {"debug": 0.5, "traces": 0.75, "logs": 0.9, "metrics": 1.0}.items()
        if not (last := said["last_taken_bytes"][kind])
        <= (limit := share * cap_bytes)
        <= (first := said["first_refused_bytes"][kind]) + 2 * line_bytes
    ]
    most = said["most_bytes"]
    wrong += unless(most <= cap_bytes + line_bytes, f"{most} bytes, of a cap of {cap_bytes}")
    return Outcome(
        _filled(said, wrong), None, None, wrong, f"real: at most {most / cap_bytes:.2%} of the cap"
    )


def _filled(said: Mapping[str, Mapping[str, int]], wrong: list[str]) -> Sums:
    refused: Counter[str] = Counter(said["refused"])
    produced, journaled = sum(said["produced"].values()), sum(said["journaled"].values())
    wrong += unless(set(refused) == {"cap"}, f"refused for {set(refused)}")
    return Sums(produced, in_journal=journaled, dropped=refused)


def _read_steps(path: Path) -> tuple[set[int], int]:
    """The steps of the records in a JSON file, and how many of its lines are torn."""
    lines = path.read_text().splitlines() if path.exists() else []
    whole = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return {line["step"] for line in whole if "tags" in line}, len(lines) - len(whole)


def _warnings(context: Context) -> list[str]:
    """The warnings on the console, without their time."""
    lines = (context.folder / "stderr").read_text().splitlines()
    return [line.partition(" - ")[2] for line in lines if " WARNING " in line]


FAULTS: Sequence[Fault] = named(
    "disk",
    [
        Fault("full", full),
        Fault(
            f"start-read-only-{errno.errorcode[errno.EROFS]}",
            partial(refused_from_the_start, options=["ro"], reason="unwritable", size="1m"),
        ),
        Fault("start-unwritable", unwritable),
        Fault(
            "start-nearly-full",
            partial(refused_from_the_start, options=[], reason="low_space", size="60m"),
        ),
        Fault("deleted", deleted),
        Fault("admission", admission),
    ],
)
