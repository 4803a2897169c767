"""What a run did when: by the spans in its journals, and by its lines where the journals have gone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_mmlog.cli.reporting.flame import Build, tree_of
from otel_mmlog.cli.reporting.gantt import KINDS, Bar, bars_of
from otel_mmlog.cli.reporting.spans import Span, Spans, read_spans
from otel_mmlog.core.shown import counted
from otel_mmlog.otel.semconv import SPAN_REGISTRY_BUILD
from otel_mmlog.runs.entries import Entry, parse_entry
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.mmengine import MMEngineRun
from otel_mmlog.runs.reading import last_lines
from otel_mmlog.runs.series import Series
from otel_mmlog.runs.sources import Source

_NO_JOURNAL: Final = "There is no journal"
_DELIVERED: Final = "The journal no longer has this run's spans (what a server has taken leaves the disk)"
_LINES_ONLY: Final = "so this is what the lines tell: attempts, and epochs up to their last record."


@dataclass(frozen=True, slots=True)
class Life:
    """What there is to be drawn.

    Attributes:
        bars: Of the Gantt chart by rank; empty if nothing is known.
        notes: Sentences about where they are from.
        builds: Registry builds of one rank and attempt; None if there are none.
        builds_of: Whose they are.
    """

    bars: dict[int, list[Bar]]
    notes: list[str] = field(default_factory=list)
    builds: Build | None = None
    builds_of: tuple[int, int] = (0, 0)


def life_of(run: Run | MMEngineRun, source: Source, last_s: float, file_mode: int) -> Life:
    """Return the life of a run.

    Args:
        run: The run.
        source: Its scalars.
        last_s: Unix time of its last line.
        file_mode: Of the run's files.

    Raises:
        OSError: A file cannot be read.
    """
    if not isinstance(run, Run):
        whole = Bar("run", "run", run.began_s, max(last_s, run.began_s))
        return Life({0: [whole, *_epochs(source, {})]}, [_by_lines(Spans())])
    found = read_spans(run.work_dir, run.run_id, frozenset(KINDS), file_mode)
    starts, ends = _attempts(run)
    notes = []
    if found.skipped:
        notes.append(
            f"{counted(found.skipped, 'line')} of the journal skipped: torn, damaged or another user's."
        )
    if found.is_cut:
        notes.append("The journal is very large: its newest part is left out here.")
    builds = [span for span in found.spans if span.name == SPAN_REGISTRY_BUILD]
    others = [span for span in found.spans if span.name != SPAN_REGISTRY_BUILD]
    if not others:
        bars = {
            rank: [_whole(starts, ends, key) for key in sorted(starts) if key[0] == rank]
            for rank in run.ranks
        }
        bars[run.ranks[0]] += _epochs(source, starts)
        return Life(bars, [_by_lines(found), *notes])
    ids = {span.span_id for span in builds}
    outer = [span for span in builds if span.parent_id not in ids]
    bars = bars_of([*others, *outer], ends)
    whose = _busiest(builds)
    return Life(bars, notes, None if whose is None else tree_of(_of(builds, whose)), whose or (0, 0))


def _by_lines(found: Spans) -> str:
    return f"{_DELIVERED if found.has_journal else _NO_JOURNAL}, {_LINES_ONLY}"


def _busiest(builds: Sequence[Span]) -> tuple[int, int] | None:
    """Rank and attempt whose builds took longest, of the first attempt that built anything."""
    spent: dict[tuple[int, int], float] = {}
    for span in builds:
        if span.end_s is not None:
            key = span.rank, span.attempt
            spent[key] = spent.get(key, 0.0) + span.end_s - span.start_s
    if not spent:
        return None
    first = min(attempt for _, attempt in spent)
    return max((key for key in spent if key[1] == first), key=lambda key: (spent[key], -key[0]))


def _of(builds: Sequence[Span], whose: tuple[int, int]) -> list[Span]:
    return [span for span in builds if (span.rank, span.attempt) == whose]


def _attempts(run: Run) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    """Unix times of the first and the last line, by rank and attempt."""
    starts: dict[tuple[int, int], float] = {}
    ends: dict[tuple[int, int], float] = {}
    for part in run.parts:
        key = part.first.rank, part.first.attempt
        last = next(_entries(last_lines(part.path, part.start, part.stop)), part.first)
        starts[key] = min(part.first.time_s, starts.get(key, part.first.time_s))
        ends[key] = max(last.time_s, part.first.time_s, ends.get(key, 0.0))
    return starts, ends


def _entries(lines: Iterator[bytes]) -> Iterator[Entry]:
    return (entry for entry in map(parse_entry, lines) if entry is not None)


def _whole(
    starts: dict[tuple[int, int], float], ends: dict[tuple[int, int], float], key: tuple[int, int]
) -> Bar:
    return Bar("run", f"attempt {key[1]}", starts[key], ends[key])


def _epochs(source: Source, starts: dict[tuple[int, int], float]) -> Iterator[Bar]:
    """Epochs of the first rank, from the record before each to its last one."""
    found = source.read(lambda name: name in ("train/loss", "train/time", "train/lr"), source.ranks[0], 1)
    series = max(found.values(), key=len, default=Series("", 0))
    begin_s, last = source.began_s, (-1, -1)
    bar: Bar | None = None
    for time_s, epoch, attempt in zip(series.times_s, series.epochs, series.attempts, strict=True):
        if attempt != last[0]:
            begin_s = starts.get((source.ranks[0], attempt), begin_s)
        if (attempt, epoch) != last:
            if bar is not None:
                yield bar
                begin_s = bar.end_s if attempt == last[0] else begin_s
            last = attempt, epoch
        bar = Bar("epochs", f"epoch {epoch}", begin_s, max(time_s, begin_s)) if epoch else None
    if bar is not None:
        yield bar
