"""What a person should look at in a run: values that are no numbers, ranks that fell behind or silent, errors."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from otel_mmlog.cli.shown import shown_age, shown_bytes
from otel_mmlog.core.shown import counted
from otel_mmlog.runs.entries import Entry, parse_entry
from otel_mmlog.runs.find import Part, Run
from otel_mmlog.runs.reading import lines_with
from otel_mmlog.runs.state import RankState

_SEARCHED_BYTES = 1 << 30
_LAST = 3
_LEVELS = ("ERROR", "CRITICAL", "WARNING")
_NEEDLES = tuple(f'", "level": "{level}", "logger": '.encode() for level in _LEVELS)
_MANY_INTERVALS = 2
_MOST_RANKS = 4


@dataclass(slots=True)
class Lines:
    """How many lines of a level there are, and the last of them.

    Attributes:
        count: How many.
        last: The last ones, oldest first; the same text once.
    """

    count: int = 0
    last: list[Entry] = field(default_factory=list)

    def title(self, level: str, where: str) -> str:
        """Return ``8 WARNING, the last 3 that differ``: how many there are, and which of them are here."""
        shown = len(self.last)
        which = "the last one" if shown == 1 else f"the last {shown} that differ"
        told = f"{self.count:,} {level} {where}".rstrip()
        return told if shown == self.count else f"{told}, {which}"


def alerts_of(states: Sequence[RankState], now_s: float) -> list[str]:
    """Return sentences about ranks, the worst first."""
    return [*_ends(states), *_stalls(states, now_s), *_lags(states), *_no_numbers(states)]


def bad_lines(run: Run) -> tuple[dict[str, Lines], str]:
    """Return the lines of ``ERROR``, ``CRITICAL`` and ``WARNING`` in the last attempt, and where they were looked for.

    Of runs that wrote very much only the end of each file is read; the second value then says so, else it is empty.

    Raises:
        OSError: A file cannot be read.
    """
    parts = [run.parts_of(rank)[-1] for rank in run.ranks]
    parts = [part for part in parts if part.first.attempt == run.attempts[-1]]
    most_bytes = _SEARCHED_BYTES // max(1, len(parts))
    found = {level: Lines() for level in _LEVELS}
    is_whole = True
    for part in parts:
        start = max(part.start, _stop(part) - most_bytes)
        is_whole &= start == part.start
        for entry in map(parse_entry, lines_with(part.path, _NEEDLES, start, part.stop)):
            if entry is not None and entry.level in found:
                lines = found[entry.level]
                lines.count += 1
                lines.last = _with(lines.last, entry)
    return found, "" if is_whole else f"in the last {shown_bytes(most_bytes)} of each file"


def is_no_number(value: Any) -> bool:
    """Whether it is NaN or infinite."""
    return isinstance(value, float) and not math.isfinite(value)


def _with(entries: list[Entry], entry: Entry) -> list[Entry]:
    """The latest lines, the same text once."""
    others = [other for other in entries if other.text != entry.text]
    return sorted([*others, entry], key=lambda other: other.time_s)[-_LAST:]


def _stop(part: Part) -> int:
    return part.path.stat().st_size if part.stop is None else part.stop


def _ends(states: Sequence[RankState]) -> Iterator[str]:
    for error in dict.fromkeys(state.error for state in states if state.state == "failed"):
        ranks = [state.rank for state in states if state.state == "failed" and state.error == error]
        yield f"{_ranks(ranks)} failed" + (f": {error}" if error else "")
    killed = [state.rank for state in states if state.state == "killed"]
    if killed:
        verb = "was" if len(killed) == 1 else "were"
        yield f"{_ranks(killed)} {verb} killed: nothing says how it ended, and no process writes"


def _stalls(states: Sequence[RankState], now_s: float) -> Iterator[str]:
    stalled = [state for state in states if state.state == "stalled"]
    if stalled:
        silent_s = now_s - max(state.last.time_s for state in stalled)
        verb = "says" if len(stalled) == 1 else "say"
        yield f"{_ranks([state.rank for state in stalled])} {verb} nothing since {shown_age(silent_s)}"


def _lags(states: Sequence[RankState]) -> Iterator[str]:
    steps = {state.rank: state.record.iter for state in states if state.record is not None}
    if not steps:
        return
    furthest = max(steps.values())
    patience = _MANY_INTERVALS * max(state.interval for state in states)
    behind = {rank: furthest - step for rank, step in steps.items() if furthest - step > max(patience, 1)}
    if behind:
        slowest = max(behind.values())
        verb = "is" if len(behind) == 1 else "are"
        yield f"{_ranks(list(behind))} {verb} up to {counted(slowest, 'iteration')} behind"


def _no_numbers(states: Sequence[RankState]) -> Iterator[str]:
    names = dict.fromkeys(
        name for state in states for name, value in state.values.items() if is_no_number(value)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        bad = [state for state in states if is_no_number(state.values.get(name))]
        value = "NaN" if math.isnan(bad[0].values[name]) else "infinite"
        found.setdefault((value, _ranks([state.rank for state in bad])), []).append(name)
    for (value, ranks), alike in found.items():
        yield f"{', '.join(alike)} {'is' if len(alike) == 1 else 'are'} {value} on {ranks}"


def _ranks(ranks: Sequence[int]) -> str:
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    shown = ", ".join(map(str, ranks[:_MOST_RANKS]))
    return f"ranks {shown}" + (f" and {len(ranks) - _MOST_RANKS} more" if len(ranks) > _MOST_RANKS else "")
