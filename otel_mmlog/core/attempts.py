"""What a work_dir remembers of the runs that started in it: one small file a rank, appended at each start."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from otel_mmlog.core.own_folders import PRIVATE, make_folder
from otel_mmlog.core.plain_files import open_plain, read_plain

FOLDER = ".mmlog"
_LOCK_TRIES = 200
_LOCK_PAUSE_S = 0.005


class Attempt(NamedTuple):
    """One start of a run on a rank. ``attempt`` counts from 0."""

    run_id: str
    attempt: int


def attempts_file(work_dir: Path, rank: int) -> Path:
    """Where the starts of a rank are remembered."""
    return work_dir / FOLDER / f"rank{rank:04d}.jsonl"


def read_attempts(path: Path, file_mode: int = PRIVATE) -> list[Attempt]:
    """The remembered starts, oldest first; lines that do not parse are passed over."""
    try:
        with read_plain(path, mode=file_mode) as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    return [attempt for attempt in map(_parse, lines) if attempt is not None]


def last_run_id(work_dir: Path, rank: int, file_mode: int = PRIVATE) -> str | None:
    """The run that started last in this folder, or None.

    Rank 0's word counts, so that all ranks agree; the rank's own where rank 0 wrote on another disk.
    """
    for each in (0, rank):
        known = read_attempts(attempts_file(work_dir, each), file_mode)
        if known:
            return known[-1].run_id
    return None


def next_attempt(work_dir: Path, rank: int, run_id: str, file_mode: int = PRIVATE) -> int:
    """How often this rank started this run before."""
    return sum(known.run_id == run_id for known in read_attempts(attempts_file(work_dir, rank), file_mode))


def remember(work_dir: Path, rank: int, run_id: str, file_mode: int = PRIVATE) -> int:
    """Append a start; files and folder are made with that mode.

    Returns:
        Which attempt it is; of two starts at once, each is another one.

    Raises:
        OSError: The folder cannot be written.
    """
    path = attempts_file(work_dir, rank)
    make_folder(path.parent, file_mode)
    descriptor = open_plain(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, file_mode)
    try:
        _lock(descriptor)
        attempt = next_attempt(work_dir, rank, run_id, file_mode)
        line = json.dumps({"run_id": run_id, "attempt": attempt}).encode() + b"\n"
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes and os.pread(descriptor, 1, size_bytes - 1) != b"\n":  # a crash tore the last start
            line = b"\n" + line
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
    return attempt


def _lock(descriptor: int) -> None:
    """Let no other start count meanwhile; one that was stopped right there is not waited for."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        except OSError:  # a file system without locks
            return
        else:
            return


def _parse(line: bytes) -> Attempt | None:
    try:
        value = json.loads(line)
        return Attempt(str(value["run_id"]), int(value["attempt"]))
    except (ValueError, KeyError, TypeError):
        return None
