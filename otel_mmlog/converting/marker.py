"""Remembers in a work_dir which of its files a conversion wrote: those, and no others, may be replaced."""

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from otel_mmlog.core.attempts import FOLDER, attempts_file
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.own_folders import is_own, make_above, make_folder
from otel_mmlog.core.plain_files import open_plain, read_plain

_NAME = "converted.json"
_MAX_BYTES = 1024 * 1024


class OccupiedError(ConfigError):
    """A folder has files of a run already."""


def mark(work_dir: Path, files: Sequence[str], ranks: Sequence[int], file_mode: int) -> None:
    """Note what is going to be written.

    Args:
        work_dir: The folder of the run.
        files: Names of files in it.
        ranks: Whose journals are written.
        file_mode: Of the run's files.

    Raises:
        OSError: The folder cannot be written.
    """
    make_above(work_dir, file_mode)
    make_folder(work_dir / FOLDER, file_mode)
    descriptor = open_plain(_marker(work_dir), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file_mode)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"files": list(files), "ranks": list(ranks)}, file)


def check_free(work_dir: Path, *, force: bool, file_mode: int) -> None:
    """See that a folder holds no run; with ``force`` what an earlier conversion wrote into it is removed.

    Raises:
        OccupiedError: It holds one.
        OSError: It cannot be read or written.
    """
    if force:
        remove_converted(work_dir, file_mode)
    found = [*work_dir.glob("*.jsonl"), *work_dir.glob("otlp/rank*")]
    if found and _marker(work_dir).is_file() and not force:
        raise OccupiedError(
            f"{work_dir} has a converted run already: give another folder, or replace it with --force"
        )
    if found:
        raise OccupiedError(f"{work_dir} has files of a run, {found[0].name} for one: give another folder")


def remove_converted(work_dir: Path, file_mode: int) -> None:
    """Remove what a conversion has written, and nothing else.

    Raises:
        OSError: It cannot be removed.
    """
    told = _read(work_dir, file_mode)
    for name in told.get("files", ()):
        if isinstance(name, str) and Path(name).name == name and name.endswith(".jsonl"):
            (work_dir / name).unlink(missing_ok=True)
    for rank in told.get("ranks", ()):
        if isinstance(rank, int) and rank >= 0:
            folder = work_dir / "otlp" / f"rank{rank:04d}"
            if is_own(folder, file_mode) and not folder.is_symlink():
                shutil.rmtree(folder)
            attempts_file(work_dir, rank).unlink(missing_ok=True)
    for folder in (work_dir / "otlp", work_dir / FOLDER):
        if told:
            _marker(work_dir).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()


def _read(work_dir: Path, file_mode: int) -> dict[str, Any]:
    try:
        with read_plain(_marker(work_dir), mode=file_mode) as file:
            told = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _marker(work_dir: Path) -> Path:
    return work_dir / FOLDER / _NAME
