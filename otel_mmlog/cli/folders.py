"""Which folder a command that reads runs takes, and how it answers a mistake in its name."""

from pathlib import Path

import click

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


def no_runs(folder: Path) -> click.ClickException:
    """Return what is said of a folder without runs."""
    where = "this folder" if folder == Path() else str(folder)
    return click.UsageError(
        f"there is no run in {where}: give the work_dir of a run (the folder with .jsonl files of this package, "
        "or with MMEngine's folders named after a time)"
    )
