"""What has become of a run: whether it still runs, how far it is, and what it said last."""

import fcntl
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from otel_mmlog.runs.entries import Entry, full_name, parse_entry
from otel_mmlog.runs.find import Part, Run
from otel_mmlog.runs.reading import last_lines

State = Literal["running", "stalled", "finished", "failed", "killed"]

STALLED_AFTER = 10
"""Log intervals without a line, and `STALLED_LEAST_S` at least, after which a run that goes on counts as stalled."""

STALLED_LEAST_S = 60.0
LOOK_BACK = 2000
_END = "mmlog.run.end"
_EXCEPTION = "mmlog.exception"


@dataclass(frozen=True)
class RankState:
    """Where one rank stands, by the last lines of its file.

    Attributes:
        rank: The rank.
        state: ``running`` while its process has the file open, ``stalled`` if it says nothing any more; else how it
            ended: ``killed`` where nothing says so.
        last: Its last line.
        record: The last record of a train loop, or else of any, of an earlier attempt where the last has none; None
            if there is none among the last lines. Its position is that of the last of all: a validation may be
            further than the last train record.
        values: Name -> latest value of each loop's last record: ``train/loss``.
        error: Type and message of what ended it; empty if nothing did.
        interval: Iterations between the last two records of a train loop; 0 if there are no two.
    """

    rank: int
    state: State
    last: Entry
    record: Entry | None
    values: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    interval: int = 0


def rank_state(run: Run, rank: int, now_s: float, look_back: int = LOOK_BACK) -> RankState | None:
    """Return where a rank of a run stands; None if it has written nothing that can be read.

    Args:
        run: The run.
        rank: One of ``run.ranks``.
        now_s: Unix time.
        look_back: How many of its last lines are read.

    Raises:
        OSError: Its file cannot be read.
    """
    *earlier, part = run.parts_of(rank)
    entries = _latest(part, look_back)
    if not entries:
        return None
    records = [entry for entry in entries if entry.mode]
    while earlier and not records:
        records = [entry for entry in _latest(earlier.pop(), look_back) if entry.mode]
    trains = [entry for entry in records if entry.mode == "train"]
    values: dict[str, Any] = {}
    for entry in records:
        for tag, value in entry.tags.items():
            values.setdefault(full_name(entry.mode, tag), value)
    state, error = _state(part, entries, trains, now_s)
    record = trains[0] if trains else (records[0] if records else None)
    if record is not None and records[0].iter > record.iter:
        record = record._replace(epoch=records[0].epoch, iter=records[0].iter)
    interval = trains[0].iter - trains[1].iter if len(trains) > 1 else 0
    return RankState(rank, state, entries[0], record, values, error, max(0, interval))


def _latest(part: Part, look_back: int) -> list[Entry]:
    lines = last_lines(part.path, part.start, part.stop)
    return [entry for line in itertools.islice(lines, look_back) if (entry := parse_entry(line)) is not None]


def _state(part: Part, latest: list[Entry], trains: list[Entry], now_s: float) -> tuple[State, str]:
    error = next((_told(entry) for entry in latest if entry.event_name == _EXCEPTION), "")
    end = next((entry for entry in latest if entry.event_name == _END), None)
    if end is not None:
        return ("finished", "") if end.rest.get("status") == "finished" else ("failed", error)
    if part.stop is None and is_open(part.path):
        gaps = [
            later.time_s - earlier.time_s for later, earlier in itertools.pairwise(trains[:STALLED_AFTER])
        ]
        patience_s = max(STALLED_LEAST_S, STALLED_AFTER * max(gaps, default=0.0))
        return ("stalled" if now_s - latest[0].time_s > patience_s else "running"), error
    return ("failed" if error else "killed"), error


def _told(entry: Entry) -> str:
    exception = entry.rest.get("exception")
    if not isinstance(exception, dict):
        return entry.text
    return f"{exception.get('type', '')}: {exception.get('message', '')}"


def is_open(path: Path) -> bool:
    """Whether a living process has this file open for a run: it holds a lock while it does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    else:
        return False
    finally:
        os.close(descriptor)
