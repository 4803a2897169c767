"""Which text and JSON file a rank writes, and whether it writes one at all."""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.plain_files import read_plain
from otel_mmlog.core.rank import Rank
from otel_mmlog.pipeline.line_file import LineFile, is_free

Layout = Literal["auto", "shared", "separate"]
LAYOUTS: Mapping[Layout, str] = {
    "auto": "shared where all ranks see rank 0's folder",
    "shared": "all files in the work_dir",
    "separate": "those of other machines apart",
}

_UNSAFE = re.compile(r"[^\w.+=@-]+")
_MAX_STEM_BYTES = 150
_MARKER_WAIT_S = 5.0


def file_stem(experiment_name: str) -> str:
    """The experiment's name as a file name: no separator, no leading dot, at most 150 bytes."""
    stem = _UNSAFE.sub("_", experiment_name).lstrip(".")
    return stem.encode("utf-8", "replace")[:_MAX_STEM_BYTES].decode("utf-8", "ignore") or "run"


def writes_files(rank: Rank, *, level: int, distributed: bool) -> bool:
    """Rank 0 always does; the others in DEBUG or when all are asked to."""
    return rank.rank == 0 or distributed or level <= logging.DEBUG


def rank_folder(work_dir: Path, stem: str, layout: Layout, rank: Rank, marker: Callable[[], bool]) -> Path:
    """The folder of this rank's files.

    Args:
        work_dir: The run's folder.
        stem: `file_stem` of the experiment.
        layout: As the user set it.
        rank: The place of this process.
        marker: Tells whether rank 0's marker for this run is visible in ``work_dir``.
    """
    if layout == "auto":
        layout = "shared" if rank.one_machine or _wait_for(marker) else "separate"
    return work_dir if layout == "shared" else work_dir / f"{stem}_logs"


def rank_stem(folder: Path, stem: str, rank: int, run_id: str, mode: int = PRIVATE) -> str:
    """The file name of this rank without its suffix: ``tmp``, ``tmp_rank1``.

    Where another living run writes a file of this name, the run id is part of the name.
    """
    suffix = f"_rank{rank}" if rank else ""
    wanted = f"{stem}{suffix}"
    path = folder / f"{wanted}.jsonl"
    if is_free(path, mode) or _last_run_id(path, mode) == run_id:
        return wanted
    return f"{stem}_{file_stem(run_id)[:40]}{suffix}"


def open_rank_files(
    folder: Path, stem: str, rank: int, run_id: str, mode: int = PRIVATE
) -> tuple[LineFile, LineFile]:
    """Open the text and the JSON file of this rank.

    Raises:
        OSError: One of them cannot be opened for writing.
    """
    name = rank_stem(folder, stem, rank, run_id, mode)
    json_file = LineFile(folder / f"{name}.jsonl", mode)
    if not json_file.locked:  # by a run that opened it since it was free
        json_file.close()
        name = rank_stem(folder, stem, rank, run_id, mode)
        json_file = LineFile(folder / f"{name}.jsonl", mode)
    try:
        return LineFile(folder / f"{name}.log", mode), json_file
    except OSError:
        json_file.close()
        raise


def _wait_for(marker: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _MARKER_WAIT_S
    while not marker():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _last_run_id(path: Path, mode: int) -> str | None:
    try:
        with read_plain(path, mode=mode) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65536))
            lines = file.read().splitlines()
        value = json.loads(lines[-1])["run_id"]
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None
