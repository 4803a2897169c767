"""What a run is, in one row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from otel_mmlog.cli.journals import find_journals
from otel_mmlog.cli.showing.best import Best, Direction, best_of, records_for
from otel_mmlog.runs.dated import last_dated
from otel_mmlog.runs.entries import Entry, full_name
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.mmengine import MMEngineRun
from otel_mmlog.runs.reading import last_lines
from otel_mmlog.runs.series import is_number
from otel_mmlog.runs.state import LOOK_BACK, STALLED_LEAST_S, RankState, rank_state
from otel_mmlog.sender.reader import JournalReader

_WORST_FIRST = ("failed", "killed", "stalled", "running", "finished")
_LOOK_BACK_OTHERS = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which metric is asked for.

    Attributes:
        metric: Its name or a pattern, or None to guess.
        fits: Whether a name is one; None to guess.
        direction: Which is better; None to guess.
        now_s: Unix time.
        file_mode: Of the runs' journals.
    """

    metric: str | None
    fits: Callable[[str], bool] | None
    direction: Direction | None
    now_s: float
    file_mode: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run.

    Attributes:
        run: What it is of.
        name: Of the experiment.
        run_id: Its id.
        state: ``running``, ``stalled``, ``finished``, ``failed`` or ``killed``; of MMEngine's own ``running`` or
            ``stopped``.
        attempts: How many there were.
        ranks: How many wrote files in the last one.
        world_size: How many there were in the last one; 0 if nobody says.
        record: The last record of a train loop, or of any; None without one.
        loss: Name and last value; None without one.
        best: Of the metric; None without one.
        began_s: Unix time of its begin.
        last_s: Unix time of its last line.
        states: By rank, of the last attempt.
    """

    run: Run | MMEngineRun
    name: str
    run_id: str
    state: str
    attempts: int
    ranks: int
    world_size: int
    record: Entry | None
    loss: tuple[str, Any] | None
    best: Best | None
    began_s: float
    last_s: float
    states: Sequence[RankState] = field(default=(), repr=False)


def summary_of(run: Run, wanted: Wanted, look_back: int = _LOOK_BACK_OTHERS) -> Summary:
    """Return a run's.

    Args:
        run: The run.
        wanted: What is asked for.
        look_back: How many lines of the ranks behind the first are read.

    Raises:
        OSError: A file cannot be read.
    """
    ranks = [rank for rank in run.ranks if run.parts_of(rank)[-1].first.attempt == run.attempts[-1]]
    found = [
        rank_state(run, rank, wanted.now_s, look_back if number else LOOK_BACK)
        for number, rank in enumerate(ranks)
    ]
    states = [state for state in found if state is not None]
    record = states[0].record if states else None
    size = run.parts_of(ranks[0])[-1].first.rest.get("world_size", 0)
    return Summary(
        run,
        run.name,
        run.run_id,
        min((state.state for state in states), key=_WORST_FIRST.index, default="killed"),
        len(run.attempts),
        len(ranks),
        size if isinstance(size, int) else 0,
        record,
        _loss(states[0].values, record.mode) if record is not None else None,
        best_of(records_for(run, wanted.metric), wanted.fits, wanted.direction),
        run.began_s,
        max((state.last.time_s for state in states), default=run.began_s),
        states,
    )


def mmengine_summary(run: MMEngineRun, wanted: Wanted) -> Summary:
    """Return the one of a run of MMEngine's own; its files do not say how it ended.

    Raises:
        OSError: A file cannot be read.
    """
    record: Entry | None = None
    loss: tuple[str, Any] | None = None

    def seen() -> Any:
        nonlocal record, loss
        for entry in run.records():
            if entry.mode == "train" or record is None:
                record = entry
                values = {full_name(entry.mode, tag): value for tag, value in entry.tags.items()}
                loss = _loss(values, entry.mode) or loss
            if wanted.metric is not None or entry.mode == "val":
                yield entry

    best = best_of(seen(), wanted.fits, wanted.direction)
    last_s = _last_s(run)
    is_fresh = wanted.now_s - last_s < STALLED_LEAST_S
    return Summary(
        run,
        run.name,
        run.run_id,
        "running" if is_fresh else "stopped",
        1,
        max(1, len(run.logs)),
        0,
        record,
        loss,
        best,
        run.began_s,
        last_s,
    )


def backlog_bytes(work_dir: Path, file_mode: int) -> dict[Path, int]:
    """Return what waits in the journal of each rank to be sent; empty without journals that this user may read.

    Raises:
        OSError: A folder cannot be read.
    """
    otlp = work_dir / "otlp"
    if not otlp.is_dir():
        return {}
    try:
        folders = find_journals((otlp,), lambda _folder: None, file_mode)
    except click.UsageError:
        return {}
    found: dict[Path, int] = {}
    for folder in folders:
        reader = JournalReader(folder, file_mode=file_mode)
        try:
            found[folder] = reader.backlog().total_bytes
        finally:
            reader.close()
    return found


def _loss(values: Mapping[str, Any], mode: str) -> tuple[str, Any] | None:
    """The loss of a loop among values by their full names, the latest first."""
    loop, whole = f"{mode}/", f"{mode}/loss"
    names = [
        name
        for name, value in values.items()
        if name.startswith(loop) and "loss" in name and is_number(value)
    ]
    if not names:
        return None
    name = whole if whole in names else names[0]
    return name, values[name]


def _last_s(run: MMEngineRun) -> float:
    """Unix time of the last line of its text file; of its last scalar without one."""
    if 0 in run.logs:
        call = next(last_dated(last_lines(run.logs[0])), None)
        if call is not None:
            return call.time_s
    return run.began_s if run.scalars is None else run.scalars.stat().st_mtime
