"""Finds the journal folders below what a user names, and counts what waits in them."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from otel_mmlog.core.own_folders import PRIVATE, is_own
from otel_mmlog.core.segments import parse_name
from otel_mmlog.runs.find import MAX_DEPTH, NOT_OURS
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import Signal

_OTLP = "otlp"
_RANK = re.compile(r"rank\d{4,}", re.ASCII)


def find_journals(
    paths: tuple[Path, ...], leave_out: Callable[[Path], object], file_mode: int = PRIVATE
) -> list[Path]:
    """The folders of ranks in work_dirs and folders above them, in ``otlp`` folders, or named themselves.

    Args:
        paths: What the user names.
        leave_out: Gets each folder of a rank that another user has put there.
        file_mode: Of the runs' files; see `is_trusted`.

    Raises:
        click.UsageError: One of the paths holds none.
        OSError: One of them cannot be read.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise click.UsageError(f"{path} does not exist: give the work_dir of a run")
        if not path.is_dir():
            raise click.UsageError(
                f"{path} is no folder: give the work_dir of a run (the folder with otlp/ in it)"
            )
        folders = _below(path, leave_out, file_mode)
        if not folders:
            raise click.UsageError(
                f"there is no journal in {path}: give the work_dir of a run (the folder with otlp/ in it), "
                "or the folder that OTEL_MMLOG_JOURNAL_DIR named"
            )
        found.update(dict.fromkeys(folder.resolve() for folder in folders))
    return list(found)


def count_waiting(journal: Path, signals: Iterable[Signal], file_mode: int = PRIVATE) -> dict[Signal, int]:
    """How many points, log records and spans a journal holds that were not acknowledged; changes nothing.

    Raises:
        OSError: The folder cannot be read.
    """
    reader = JournalReader(journal, file_mode=file_mode)
    try:
        return {signal: _count(reader, signal) for signal in signals}
    finally:
        reader.close()


def _count(reader: JournalReader, signal: Signal) -> int:
    items = 0
    while (batch := reader.next_batch(signal)) is not None:
        items += batch.items
        reader.acknowledge(batch)  # without the lock it only goes on to the next
    return items


def _below(path: Path, leave_out: Callable[[Path], object], file_mode: int) -> list[Path]:
    if _is_journal(path):
        return [path]
    journals: list[Path] = []
    for folder in _folders_of_ranks(path, may_be_named=True):
        try:
            if not folder.is_dir():
                continue
            is_ours = _is_own(folder, path, file_mode)
        except FileNotFoundError:  # it has just gone
            continue
        except OSError:  # this user may not look into a folder above
            is_ours = False
        if not is_ours:
            leave_out(folder)
        elif _is_journal(folder):
            journals.append(folder)
    return journals


def _folders_of_ranks(folder: Path, depth: int = 0, *, may_be_named: bool = False) -> Iterator[Path]:
    """Yield what is called as a rank's folder is, in order; links are followed where the user can see them."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # a file, for one
        if not depth:
            raise
        return
    for path in entries:
        if _RANK.fullmatch(path.name) and (may_be_named or folder.name == _OTLP):
            yield path
            continue
        is_above = path.name not in NOT_OURS and depth < MAX_DEPTH and not (depth and path.is_symlink())
        if is_above or path.name == _OTLP:
            yield from _folders_of_ranks(path, depth + 1)


def _is_own(folder: Path, base: Path, file_mode: int) -> bool:
    """Whether no part of a path below what the user named was put there by somebody else."""
    return all(is_own(part, file_mode) for part in (folder, *folder.parents) if base in part.parents)


def _is_journal(path: Path) -> bool:
    """Whether it is a rank's folder, perhaps with everything delivered, or holds segments under another name."""
    if _RANK.fullmatch(path.resolve().name):
        return True
    return any(
        parse_name(entry.name) is not None or entry.name.startswith("quarantine.") for entry in path.iterdir()
    )
