"""What another user of the machine puts in the way of a run's files, and what he can read of them."""

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.security.other_users import (
    NEEDS_ROOT,
    VICTIM,
    by_other,
    can_be_several,
    readable_by_other,
    shared_folder,
)
from tests.faults.security.planted_run import SECRET
from tests.processes import REPOSITORY, TIMEOUT_S, environment

PRECIOUS = b"precious\n"


class Plant(NamedTuple):
    """What is there before the run.

    Attributes:
        script: What the other user does in the work_dir; ``$P`` is a file of the victim.
        told: What the run warns of.
        layout: Of the run.
    """

    script: str
    told: str
    layout: str = "shared"


_MINE = "mkdir ../mine; chmod 777 ../mine"
PLANTS: dict[str, Plant] = {
    "link-as-text": Plant("ln -s ../precious tmp.log", "the rank's files cannot be written"),
    "link-as-json": Plant("ln -s ../precious tmp.jsonl", "the rank's files cannot be written"),
    "file-as-text": Plant("touch tmp.log", "the rank's files cannot be written"),
    "file-as-json": Plant("touch tmp.jsonl", "the rank's files cannot be written"),
    "pipe-as-text": Plant("mkfifo tmp.log", "the rank's files cannot be written"),
    "pipe-as-json": Plant("mkfifo tmp.jsonl", "the rank's files cannot be written"),
    "link-as-memory": Plant(f"{_MINE}; ln -s ../mine .mmlog", "cannot be written"),
    "folder-as-memory": Plant("mkdir .mmlog", "cannot be written"),
    "link-as-journal": Plant(f"{_MINE}; ln -s ../mine otlp", "The journal in"),
    "folder-as-journal": Plant("mkdir otlp", "The journal in"),
    "link-as-rank": Plant(f"{_MINE}; mkdir otlp; ln -s ../../mine otlp/rank0000", "The journal in"),
    "pipes-as-segments": Plant(
        "mkdir otlp otlp/rank0000; cd otlp/rank0000;"
        " mkfifo 20260821T025841_123456-9f86d081.0003.jsonl.part 20260821T025841_123456-9f86d081.0001.jsonl",
        "The journal in",
    ),
    "link-as-logs": Plant(f"{_MINE}; ln -s ../mine tmp_logs", "the rank's files cannot be", "separate"),
    "folder-as-logs": Plant("mkdir tmp_logs", "the rank's files cannot be written", "separate"),
}


def planted(context: Context, plant: Plant, uid: int) -> Outcome:
    """Something of the other user is where the run's own would be: it gets nothing, changes nothing, and is told of."""
    if not can_be_several():
        return Outcome(note=NEEDS_ROOT)
    with shared_folder() as folder:
        work_dir = folder / "run"
        work_dir.mkdir()
        os.chown(work_dir, uid, uid)
        work_dir.chmod(0o1777)
        precious = folder / "precious"
        precious.write_bytes(PRECIOUS)
        os.chown(precious, uid, uid)
        precious.chmod(0o600)
        made = by_other(plant.script, work_dir)
        ran = _run(uid, context.folder / "warm", work_dir, plant.layout)
        told = ran.stdout.partition("the second run\n")[2]
        read = readable_by_other(folder)
        wrong = unless(made.returncode == 0, f"it was not made: {made.stderr!r}")
        wrong += unless(ran.stdout.endswith("ended\n"), f"the run failed: {ran.stderr[-300:]}")
        wrong += unless(told.count(SECRET) == 3, "the console lacks lines")
        wrong += unless(plant.told in told and "WARNING" in told, f"it was not told: {told[:600]}")
        wrong += unless(precious.read_bytes() == PRECIOUS, "a file of the user's was changed")
        wrong += unless(SECRET.encode() not in read, "the other user can read lines of the run")
        wrong += [f"{path} was put where the other user wants it" for path in (folder / "mine").glob("**/*")]
    return Outcome(wrong=wrong)


def hard_linked(context: Context) -> Outcome:
    """Where others may write, a file with a second name is not appended to: it may be anybody's."""
    folder = context.folder / "run"
    folder.mkdir()
    folder.chmod(0o777)
    precious = context.folder / "precious"
    precious.write_bytes(PRECIOUS)
    for name in ("tmp.log", "tmp.jsonl"):
        os.link(precious, folder / name)
    ran = _run(0, context.folder / "warm", folder, "shared")
    wrong = unless(precious.read_bytes() == PRECIOUS, "the file of the second name was changed")
    wrong += unless("it has a second name" in ran.stdout, f"it was not told: {ran.stdout[-600:]}")
    return Outcome(wrong=wrong)


def private(context: Context, uid: int) -> Outcome:
    """Nobody but the owner reads what a run writes, and nobody else can put anything into its folders."""
    if not can_be_several():
        return Outcome(note=NEEDS_ROOT)
    with shared_folder() as folder:
        work_dir = folder / "run"
        if uid:
            work_dir.mkdir()
            os.chown(work_dir, uid, uid)
            work_dir.chmod(0o755)
        ran = _run(uid, context.folder / "warm", work_dir, "separate")
        wrong = unless(ran.stdout.endswith("ended\n"), f"the run failed: {ran.stderr[-300:]}")
        wrong += unless(readable_by_other(folder) == b"", "the other user can read something")
        wrong += unless(by_other("touch otlp/x || touch .mmlog/x", work_dir).returncode != 0, "he can write")
        for path in work_dir.rglob("*"):
            mode, expected = stat.S_IMODE(path.stat().st_mode), 0o700 if path.is_dir() else 0o600
            wrong += unless(mode == expected, f"{path.relative_to(work_dir)} has mode {mode:04o}")
        wrong += unless(SECRET in (work_dir / "tmp_logs/tmp.log").read_text(), "the run wrote nothing")
    return Outcome(wrong=wrong)


def _run(uid: int, warm: Path, work_dir: Path, layout: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faults.security.planted_run",
            str(uid),
            str(warm),
            str(work_dir),
            layout,
        ],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        umask=0o022,
    )


FAULTS: Sequence[Fault] = named(
    "security",
    [
        *(
            Fault(f"files-{name}", partial(planted, plant=plant, uid=VICTIM if number % 2 else 0))
            for number, (name, plant) in enumerate(PLANTS.items())
        ),
        Fault("files-hard-links", hard_linked),
        Fault("files-private", partial(private, uid=VICTIM)),
        Fault("files-private-to-root", partial(private, uid=0)),
    ],
)
