"""Which folder a command that reads runs takes, and how it answers a mistake in its name."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import click

from otel_mmlog.core.escape import escape
from otel_mmlog.runs.find import Run, find_runs
from otel_mmlog.runs.mmengine import MMEngineRun, find_mmengine_runs
from otel_mmlog.runs.sources import Source, find_sources

RUN_ID_HELP: Final = "A run's id, or a part of it; without it"
_DEFAULT = Path("work_dirs")
_ID_CHARS = 8
_MOST_IDS = 5
AnyRun = TypeVar("AnyRun", bound=Run | MMEngineRun)


def chosen_folder(folder: Path | None) -> Path:
    """Return the folder that a user names; without a name ``work_dirs`` here, or else this folder.

    Raises:
        click.UsageError: There is none of that name.
    """
    if folder is None:
        return _DEFAULT if _DEFAULT.is_dir() else Path()
    if not folder.exists():
        raise click.UsageError(f"{folder} does not exist: give the work_dir of a run, or a folder above some")
    return folder


def runs_below(folder: Path, run_id: str | None) -> list[Run | MMEngineRun]:
    """Return the runs in a folder and below it, oldest first; says which files had to be left out.

    Args:
        folder: The folder.
        run_id: See `fitting`.

    Raises:
        click.UsageError: There is none, or none of such an id.
        OSError: It cannot be read.
    """
    return fitting([*own_runs_below(folder), *find_mmengine_runs(folder)], folder, run_id)


def own_runs_below(folder: Path) -> list[Run]:
    """Return the runs of this package; says which files had to be left out.

    Raises:
        OSError: The folder cannot be read.
    """
    left_out: list[Path] = []
    runs = find_runs(folder, left_out)
    tell_left_out(left_out)
    return runs


def sources_below(paths: Iterable[Path]) -> list[Source]:
    """Return the runs of whatever origin in files and folders; says which files had to be left out.

    Raises:
        OSError: A path does not exist, or cannot be read.
    """
    left_out: list[Path] = []
    sources = find_sources(paths, left_out)
    tell_left_out(left_out)
    return sources


def tell_left_out(paths: Sequence[Path]) -> None:
    """Say which files and folders below what the user named cannot be read."""
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        click.echo(f"Left out, since it cannot be read: {escape(str(paths[0]))}{more}.", err=True)


def fitting(runs: Iterable[AnyRun], folder: Path, run_id: str | None) -> list[AnyRun]:
    """Return the runs of an id, oldest first.

    Args:
        runs: Those of a folder.
        folder: It.
        run_id: The whole id, or else how it begins, or else a part of it; None for all.

    Raises:
        click.UsageError: There is none, or none of such an id.
    """
    found = sorted(runs, key=lambda run: run.began_s)
    if not found:
        raise no_runs(folder)
    if run_id is None:
        return found
    for fits in (str.__eq__, str.startswith, str.__contains__):
        chosen = [run for run in found if fits(run.run_id, run_id)]
        if chosen:
            return chosen
    known = ", ".join(run.run_id[:_ID_CHARS] for run in found[-_MOST_IDS:])
    raise click.UsageError(f"--run {run_id!r}: no run in {folder} has such an id; the last ones are {known}")


def newest(runs: Sequence[AnyRun]) -> AnyRun:
    """Return the last of some runs; says that there are others."""
    if len(runs) > 1:
        told = f"{len(runs)} runs fit: this is {escape(runs[-1].run_id)}, the newest; --run ID takes another."
        click.echo(told, err=True)
    return runs[-1]


def no_runs(folder: Path) -> click.ClickException:
    """Return what is said of a folder without runs."""
    where = "this folder" if folder == Path() else str(folder)
    return click.UsageError(
        f"there is no run in {where}: give the work_dir of a run (the folder with .jsonl files of this package, "
        "or with MMEngine's folders named after a time)"
    )
