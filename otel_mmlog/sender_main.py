"""What a run's sender runs: the sender, and the last spans of a training process that died."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from otel_mmlog.core.own_folders import PRIVATE
from otel_mmlog.core.segments import PART, segment_paths
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.recovery import recover
from otel_mmlog.sender import child


def main(environ: Mapping[str, str], plan: Mapping[str, Any]) -> NoReturn:
    """Run the sender; see `child.main`."""
    child.main(environ, plan, partial(end_spans, file_mode=plan["file_mode"]))


def end_spans(folder: Path, file_mode: int = PRIVATE) -> bool:
    """Journal the ends of the spans that dead processes left open in a rank's folder.

    Returns:
        Whether no segment is open any more; else its process lives, or has not quite ended.
    """
    if not folder.is_dir():
        return True
    journal = Journal(folder, settings=JournalSettings(file_mode=file_mode))
    try:
        recover(folder, journal.append, file_mode=file_mode)
    finally:
        journal.close()
    return not any(path.suffix == PART for path in segment_paths(folder))
