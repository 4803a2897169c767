"""Which files one run's lines are in, now: more may come while it is followed."""

import re
from dataclasses import dataclass
from pathlib import Path

from otel_mmlog.runs.entries import parse_entry
from otel_mmlog.runs.find import json_files
from otel_mmlog.runs.mmengine import find_mmengine_runs
from otel_mmlog.runs.reading import lines_from

_RANK = re.compile(r"_rank(\d+)$")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of one rank.

    Attributes:
        path: The file.
        rank: Whose it is.
        is_json: Whether it has JSON lines; else it is one of MMEngine's text files.
    """

    path: Path
    rank: int
    is_json: bool


@dataclass(frozen=True, slots=True)
class Family:
    """The files of one experiment in one folder: of all its ranks, starts and attempts.

    Attributes:
        folder: The work_dir; for runs of MMEngine's own too.
        stem: Name of rank 0's JSON file without its suffix; empty for MMEngine's own runs.
        only: The one file that a user named, or None.
    """

    folder: Path
    stem: str
    only: Path | None = None

    @property
    def name(self) -> str:
        """For people."""
        return str(self.folder / self.stem) if self.stem else str(self.folder)

    def files(self) -> list[LogFile]:
        """Return what there is of it at this moment, by rank.

        Raises:
            OSError: The folder cannot be read.
        """
        if self.only is not None:
            is_json = self.only.suffix == ".jsonl"
            return [LogFile(self.only, rank_of(self.only), is_json)] if self.only.exists() else []
        if not self.stem:
            return _latest_texts(self.folder)
        apart = self.folder / f"{self.stem}_logs"
        paths = [path for folder in (self.folder, apart) for path in folder.glob("*.jsonl")]
        mine = [LogFile(path, rank_of(path), is_json=True) for path in paths if _stem(path) == self.stem]
        return sorted(mine, key=lambda file: (file.rank, file.path))

    @property
    def changed_s(self) -> float:
        """Unix time of the last change of one of its files."""
        return max((file.path.stat().st_mtime for file in self.files()), default=0.0)


def rank_of(path: Path) -> int:
    """Return whose file it is by its name: ``tmp_rank1.jsonl`` is of rank 1, ``tmp.jsonl`` of rank 0."""
    found = _RANK.search(path.stem)
    return int(found[1]) if found else 0


def find_families(folder: Path, left_out: list[Path]) -> list[Family]:
    """Return what there is in a folder and below it; a file stands for itself.

    Args:
        folder: The folder, or a file.
        left_out: Gets what is below it and cannot be read.

    Raises:
        OSError: It cannot be read.
    """
    if folder.is_file():
        return [Family(folder.parent, "", folder)]
    found: dict[Family, None] = {}
    for path in json_files(folder, left_out):
        try:
            first = next(lines_from(path), b"")
        except OSError:
            left_out.append(path)
            continue
        if parse_entry(first) is not None:
            stem = _stem(path)
            apart = path.parent.name == f"{stem}_logs"
            found[Family(path.parent.parent if apart else path.parent, stem)] = None
    for run in find_mmengine_runs(folder):
        if run.logs:
            found[Family(folder if run.path == folder.resolve() else run.work_dir, "")] = None
    return list(found)


def _stem(path: Path) -> str:
    return _RANK.sub("", path.stem)


def _latest_texts(folder: Path) -> list[LogFile]:
    runs = [
        run for run in find_mmengine_runs(folder) if run.work_dir == folder or run.path == folder.resolve()
    ]
    if not runs:
        return []
    return [LogFile(path, rank, is_json=False) for rank, path in sorted(runs[-1].logs.items())]
