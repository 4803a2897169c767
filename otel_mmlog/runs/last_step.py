"""How far a run came, by what it has left on disk."""

from pathlib import Path

from otel_mmlog.runs.entries import parse_entry
from otel_mmlog.runs.find import find_runs
from otel_mmlog.runs.reading import last_lines


def last_step(work_dir: Path, run_id: str, rank: int) -> int:
    """Return the step of the last record that a rank, or else rank 0, wrote; 0 if there is none.

    Raises:
        OSError: The folder or a file cannot be read.
    """
    for run in find_runs(work_dir):
        if run.run_id != run_id:
            continue
        for part in reversed(run.parts_of(rank) or run.parts_of(0)):
            for entry in map(parse_entry, last_lines(part.path, part.start, part.stop)):
                if entry is not None and entry.mode:
                    return entry.step
    return 0
