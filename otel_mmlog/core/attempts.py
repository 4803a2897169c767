"""What a work_dir remembers of the runs that started in it: one small file a rank, appended at each start."""

import json
import os
from pathlib import Path
from typing import NamedTuple

FOLDER = ".mmlog"


class Attempt(NamedTuple):
    """One start of a run on a rank. ``attempt`` counts from 0."""

    run_id: str
    attempt: int


def attempts_file(work_dir: Path, rank: int) -> Path:
    """Where the starts of a rank are remembered."""
    return work_dir / FOLDER / f"rank{rank:04d}.jsonl"


def read_attempts(path: Path) -> list[Attempt]:
    """The remembered starts, oldest first; lines that do not parse are passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    return [attempt for attempt in map(_parse, lines) if attempt is not None]


def last_run_id(work_dir: Path, rank: int) -> str | None:
    """The run that started last in this folder, or None.

    Rank 0's word counts, so that all ranks agree; the rank's own where rank 0 wrote on another disk.
    """
    for known in (read_attempts(attempts_file(work_dir, 0)), read_attempts(attempts_file(work_dir, rank))):
        if known:
            return known[-1].run_id
    return None


def next_attempt(work_dir: Path, rank: int, run_id: str) -> int:
    """How often this rank started this run before."""
    return sum(known.run_id == run_id for known in read_attempts(attempts_file(work_dir, rank)))


def remember(work_dir: Path, rank: int, attempt: Attempt) -> None:
    """Append a start.

    Raises:
        OSError: The folder cannot be written.
    """
    path = attempts_file(work_dir, rank)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = json.dumps({"run_id": attempt.run_id, "attempt": attempt.attempt}).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes and os.pread(descriptor, 1, size_bytes - 1) != b"\n":  # a crash tore the last start
            line = b"\n" + line
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _parse(line: bytes) -> Attempt | None:
    try:
        value = json.loads(line)
        return Attempt(str(value["run_id"]), int(value["attempt"]))
    except (ValueError, KeyError, TypeError):
        return None
