"""Whether a run can write where it is told to, and what earlier ones have left to be sent."""

import os
import shlex
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import click

from otel_mmlog.cli.checks.finding import Finding, Status
from otel_mmlog.cli.checks.variables import Setup
from otel_mmlog.cli.journals import find_journals
from otel_mmlog.cli.shown import shown_age, shown_bytes
from otel_mmlog.compose import journal_folder
from otel_mmlog.core.own_folders import is_own
from otel_mmlog.core.segments import PART, segment_paths
from otel_mmlog.core.shown import counted
from otel_mmlog.delivery import BEHIND_S
from otel_mmlog.otel.admission import DEBUG_SHARE, SHARES, folder_bytes, free_bytes
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.runs.reading import last_lines
from otel_mmlog.runs.state import is_open
from otel_mmlog.sender.cursor import CURSOR
from otel_mmlog.sender.quarantine import quarantine_path
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS
from otel_mmlog.sender.words import WORDS

_JOURNAL_DIR = "OTEL_MMLOG_JOURNAL_DIR"
_CAP = "OTEL_MMLOG_JOURNAL_MAX_BYTES"
_PROBE: Final = b"\n" * 4096


def check_disk(setup: Setup) -> Iterator[Finding]:
    """Yield whether the folders can be written, have room, and what waits in them; leaves nothing behind."""
    work_dir, settings = setup.options.work_dir, setup.settings
    journal = journal_folder(setup.options, settings, setup.identity.rank.rank)
    yield check_folder(
        "work_dir", work_dir, settings.file_mode, "give the folder of a run that you may write to"
    )
    yield check_folder(
        "journal", journal, settings.file_mode, f"set {_JOURNAL_DIR} to a folder of yours on a local disk"
    )
    yield from check_space(
        journal, JournalSettings(cap_bytes=settings.cap_bytes), max(1, setup.identity.rank.local_world_size)
    )
    above = settings.journal_dir or work_dir
    try:
        journals = find_journals((above,), lambda _: None, settings.file_mode)
    except click.UsageError:
        return
    except OSError as error:
        yield Finding(
            "FAIL", "backlog", f"the journals cannot be read: {_words(error)}", "run this as their owner"
        )
        return
    yield from check_journals(
        journals, above, has_endpoint=bool(settings.endpoints), file_mode=settings.file_mode
    )


def check_folder(what: str, folder: Path, file_mode: int, fix: str) -> Finding:
    """Return whether a file can be made in a folder, or in the one in which it would be made."""
    try:
        there = _existing(folder)
        if there == folder and not is_own(folder, file_mode) and what == "journal":
            return Finding("FAIL", what, f"{folder} is no folder, or another user has put it there", fix)
        descriptor, name = tempfile.mkstemp(prefix=".otel-mmlog-doctor-", dir=there)
        try:
            os.write(descriptor, _PROBE)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            os.unlink(name)  # noqa: PTH108 - mkstemp gives a string
    except OSError as error:
        return Finding("FAIL", what, f"{folder} cannot be written: {_words(error)}", fix)
    return Finding("ok", what, f"{folder} can be {'written' if there == folder else 'made'}")


def check_space(folder: Path, limits: JournalSettings, ranks: int = 1) -> Iterator[Finding]:
    """Yield whether a journal can grow to its cap, and how full it is.

    Args:
        folder: The journal, which need not be there.
        limits: Its cap, and what it leaves free on the disk.
        ranks: How many journals share the disk.
    """
    try:
        there = _existing(folder)
        free = free_bytes(there)
        used = folder_bytes(folder) if there == folder else 0
    except OSError:  # `check_folder` has said so
        return
    shown, reserve, cap = shown_bytes(free), shown_bytes(limits.min_free_bytes), shown_bytes(limits.cap_bytes)
    if free < limits.min_free_bytes:
        found = f"{shown} free: the journal takes nothing below its reserve of {reserve}"
        yield Finding("FAIL", "disk", found, f"make room, or set {_JOURNAL_DIR} to a folder on another disk")
    elif free - limits.min_free_bytes < ranks * (limits.cap_bytes - used):
        of = f"the journals of {ranks} ranks" if ranks > 1 else "the journal"
        found = f"{shown} free, but {of} may grow to {shown_bytes(ranks * limits.cap_bytes)}, and {reserve} stay free"
        yield Finding("warn", "disk", found, f"make room, or lower {_CAP}")
    else:
        yield Finding("ok", "disk", f"{shown} free; a rank's journal takes at most {cap}")
    share = used / limits.cap_bytes
    if share >= DEBUG_SHARE:
        refused = [signal for signal, most in SHARES.items() if share >= most] or ["logs below INFO"]
        found = f"{shown_bytes(used)} of {cap} are used: {', '.join(refused)} are refused"
        status: Status = "FAIL" if share >= min(SHARES.values()) else "warn"
        yield Finding(status, "journal", found, f"run otel-mmlog send on it, or raise {_CAP}")


def check_journals(
    journals: list[Path], above: Path, *, has_endpoint: bool, file_mode: int
) -> Iterator[Finding]:
    """Yield what waits in journals below a folder, who sends it, and what was set aside."""
    if not journals:
        return
    yield _backlog(journals, above, has_endpoint=has_endpoint, file_mode=file_mode)
    writing = [folder for folder in journals if any(map(is_open, _open_segments(folder)))]
    sending = [folder for folder in journals if is_open(folder / CURSOR)]
    unsent = [folder for folder in writing if folder not in sending]
    if has_endpoint and unsent:
        found = f"a run writes to {_listed(unsent)}, and nothing sends it"
        yield Finding("warn", "sender", found, f"run otel-mmlog send --follow {_named(unsent, above)}")
    elif sending:
        yield Finding("ok", "sender", f"alive: it sends {_listed(sending)}")
    else:
        yield Finding("ok", "sender", "no run is being sent")
    aside = [folder for folder in journals if any(_size(quarantine_path(folder, each)) for each in SIGNALS)]
    if aside:
        found = f"the server has refused lines of {_listed(aside)} for good"
        named = _named(aside, above)
        yield Finding("warn", "quarantine", found, f"run otel-mmlog send --dry-run --quarantined {named}")


def _backlog(journals: list[Path], above: Path, *, has_endpoint: bool, file_mode: int) -> Finding:
    try:
        backlogs = {folder: JournalReader(folder, file_mode=file_mode).backlog() for folder in journals}
    except OSError as error:
        return Finding(
            "FAIL", "backlog", f"a journal cannot be read: {_words(error)}", "run this as its owner"
        )
    waiting = {folder: backlog for folder, backlog in backlogs.items() if backlog.total_bytes}
    if not waiting:
        return Finding("ok", "backlog", f"nothing waits in {counted(len(journals), 'journal')}")
    size_bytes = sum(each.total_bytes for each in waiting.values())
    oldest_ns = min((each.oldest_ns for each in waiting.values() if each.oldest_ns), default=time.time_ns())
    age_s = max(0.0, time.time() - oldest_ns / 1e9)
    amount = f"{shown_bytes(size_bytes)} in {counted(len(waiting), 'journal')}"
    found = f"not sent: {amount}, the oldest from {shown_age(age_s)} ago"
    if not has_endpoint:
        return Finding("ok", "backlog", f"{found}; there is no endpoint")
    if age_s <= BEHIND_S:
        return Finding("ok", "backlog", found)
    return Finding(
        "warn",
        "backlog",
        f"{found}{_last_words(list(waiting))}",
        f"run otel-mmlog send {_named(waiting, above)}",
    )


def _named(journals: Collection[Path], above: Path) -> str:
    """What a command has to be given for these journals: their run, or of several runs the folder above."""
    work_dirs = {folder.parent.parent for folder in journals}
    return shlex.quote(_shown_path(work_dirs.pop() if len(work_dirs) == 1 else above))


def _last_words(journals: Collection[Path]) -> str:
    """What the sender that spoke last said."""
    said = [line for folder in journals if (line := _last_line(folder / WORDS))]
    return f"; its sender said: {max(said).decode('utf-8', 'replace')[:200]}" if said else ""


def _last_line(path: Path) -> bytes:
    try:
        return next(last_lines(path), b"")
    except OSError:
        return b""


def _open_segments(folder: Path) -> list[Path]:
    try:
        return [path for path in segment_paths(folder) if path.suffix == PART]
    except OSError:
        return []


def _shown_path(path: Path) -> str:
    """From the current folder, if it is below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _listed(folders: list[Path]) -> str:
    names = [f"{folder.parent.parent.name}/{folder.name}" for folder in folders]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there.

    Raises:
        OSError: This user may not look.
    """
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _words(error: OSError) -> str:
    return error.strerror or str(error)
