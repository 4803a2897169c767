"""Which folder a command that reads runs takes, and how it answers a mistake in its name."""

from pathlib import Path

import click

from otel_mmlog.core.escape import escape
from otel_mmlog.runs.find import Run, find_runs
from otel_mmlog.runs.mmengine import MMEngineRun, find_mmengine_runs

_DEFAULT = Path("work_dirs")


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
        run_id: A part of the ids that are meant; None for all.

    Raises:
        click.UsageError: There is none, or none of such an id.
        OSError: It cannot be read.
    """
    left_out: list[Path] = []
    found: list[Run | MMEngineRun] = [*find_runs(folder, left_out), *find_mmengine_runs(folder)]
    if left_out:
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        click.echo(f"Left out, since it cannot be read: {escape(str(left_out[0]))}{more}.", err=True)
    if not found:
        raise no_runs(folder)
    found.sort(key=lambda run: run.began_s)
    fitting = [run for run in found if run_id is None or run_id in run.run_id]
    if not fitting:
        known = ", ".join(run.run_id[:8] for run in found[-5:])
        raise click.UsageError(
            f"--run {run_id!r}: no run in {folder} has such an id; the last ones are {known}"
        )
    return fitting


def no_runs(folder: Path) -> click.ClickException:
    """Return what is said of a folder without runs."""
    where = "this folder" if folder == Path() else str(folder)
    return click.UsageError(
        f"there is no run in {where}: give the work_dir of a run (the folder with .jsonl files of this package, "
        "or with MMEngine's folders named after a time)"
    )
