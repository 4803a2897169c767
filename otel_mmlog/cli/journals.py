"""Finds the journal folders below what a user names."""

from pathlib import Path

import click

from otel_mmlog.core.segments import parse_name

_RANKS = "rank[0-9][0-9][0-9][0-9]*"


def find_journals(paths: tuple[Path, ...]) -> list[Path]:
    """The folders of ranks in work_dirs, in ``otlp`` folders, or named themselves.

    Raises:
        click.UsageError: One of the paths holds none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        folders = _below(path)
        if not folders:
            raise click.UsageError(
                f"there is no journal in {path}: give a work_dir (the folder with otlp/ in it), "
                "or the folder that OTEL_MMLOG_JOURNAL_DIR named"
            )
        found.update(dict.fromkeys(folder.resolve() for folder in folders))
    return list(found)


def _below(path: Path) -> list[Path]:
    if _is_journal(path):
        return [path]
    return sorted([*path.glob(f"otlp/{_RANKS}"), *path.glob(_RANKS), *path.glob(f"*/otlp/{_RANKS}")])


def _is_journal(path: Path) -> bool:
    kept = (entry.name for entry in path.iterdir())
    return any(parse_name(name) is not None or name.startswith("quarantine.") for name in kept)
