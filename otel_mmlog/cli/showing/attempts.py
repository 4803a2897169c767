"""What became of each start of a run."""

from typing import NamedTuple

from otel_mmlog.runs.find import Run
from otel_mmlog.runs.state import rank_state

_LOOK_BACK = 100


class Attempt(NamedTuple):
    """One start of all ranks.

    Attributes:
        attempt: From 0.
        state: What became of its first rank.
        ranks: How many wrote files.
        began_s: Unix time of its first line.
        last_s: Unix time of the last line of its first rank.
        iter: Of its last record; None without one.
    """

    attempt: int
    state: str
    ranks: int
    began_s: float
    last_s: float
    iter: int | None


def attempts_of(run: Run, now_s: float) -> list[Attempt]:
    """Return them, oldest first.

    Raises:
        OSError: A file cannot be read.
    """
    found: list[Attempt] = []
    for attempt in run.attempts:
        parts = [part for part in run.parts if part.first.attempt == attempt]
        first = min(parts, key=lambda part: (part.first.rank, part.first.time_s))
        alone = Run(run.run_id, run.name, run.work_dir, [first])
        state = rank_state(alone, first.first.rank, now_s, _LOOK_BACK)
        began_s = min(part.first.time_s for part in parts)
        if state is not None:
            step = state.record.iter if state.record is not None else None
            ranks = len({part.first.rank for part in parts})
            found.append(Attempt(attempt, state.state, ranks, began_s, state.last.time_s, step))
    return found
