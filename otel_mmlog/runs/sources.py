"""Runs of whatever origin, as plots and comparisons take them: a name, settings, and scalars by rank."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from otel_mmlog.runs.config import flatten, read_config
from otel_mmlog.runs.find import Run, find_runs
from otel_mmlog.runs.mmengine import MMEngineRun, find_mmengine_runs
from otel_mmlog.runs.python_config import read_python_config
from otel_mmlog.runs.series import Series, read_series

Fits = Callable[[str], bool]


@dataclass(frozen=True)
class Source:
    """A run whose scalars can be read.

    Attributes:
        name: Of the experiment.
        work_dir: Where its files are.
        run_id: Its id; for one that MMEngine wrote alone the name of its folder.
        began_s: Unix time of its begin.
        ranks: Whose scalars there are.
        config: Its settings by dotted names; empty if they are not known.
        read: Takes which names are wanted, the rank, and how many files the caller reads in all; returns the scalars
            by name.
    """

    name: str
    work_dir: Path
    run_id: str
    began_s: float
    ranks: tuple[int, ...]
    config: Mapping[str, Any] = field(repr=False)
    read: Callable[[Fits, int, int], dict[str, Series]] = field(repr=False)


def find_sources(paths: Iterable[Path], left_out: list[Path] | None = None) -> list[Source]:
    """Return the runs in files and folders, oldest first, each once; MMEngine's own where no other file tells of it.

    Args:
        paths: The files and folders.
        left_out: Gets what is below them and cannot be read.

    Raises:
        OSError: A path does not exist, or cannot be read.
    """
    paths = list(paths)
    runs = {(run.run_id, run.work_dir.resolve()): run for path in paths for run in find_runs(path, left_out)}
    theirs = {run.path.resolve(): run for path in paths for run in find_mmengine_runs(_folder(path))}
    sources = [*map(_ours, runs.values()), *map(_theirs, theirs.values())]
    return sorted(sources, key=lambda source: source.began_s)


def _ours(run: Run) -> Source:
    return Source(
        run.name,
        run.work_dir,
        run.run_id,
        run.began_s,
        tuple(run.ranks),
        read_config(run),
        partial(_read, run),
    )


def _theirs(run: MMEngineRun) -> Source:
    config = {} if run.config is None else flatten(read_python_config(run.config))
    return Source(run.name, run.work_dir, run.run_id, run.began_s, (0,), config, partial(_read_theirs, run))


def _folder(path: Path) -> Path:
    """What stands for a file of MMEngine's: the folder of its start."""
    is_scalars = path.is_file() and path.parent.name == "vis_data"
    return path.absolute().parents[1] if is_scalars else path


def _read_theirs(run: MMEngineRun, fits: Fits, _rank: int, _files: int = 1) -> dict[str, Series]:
    return run.read_series(fits)


def _read(run: Run, fits: Fits, rank: int, files: int = 1) -> dict[str, Series]:
    return read_series(run, fits, rank, files) if rank in run.ranks else {}
