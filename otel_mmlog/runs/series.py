"""The scalars of a run as columns: what plots, tables and comparisons are made of."""

import fnmatch
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from otel_mmlog.otel.semconv import RESERVED_TAGS
from otel_mmlog.runs.entries import Entry, full_name, parse_entry
from otel_mmlog.runs.find import Part, Run
from otel_mmlog.runs.reading import line_at, lines_with
from otel_mmlog.runs.thinning import Thinning

WHOLE_BYTES: Final = 1 << 24
"""Parts up to this are parsed line by line; of longer ones few lines are, all others are only looked at."""

SCANNED_BYTES: Final = 1 << 32
"""What is looked at, of all files together; of longer ones single lines are read, evenly spaced."""

_SAMPLES = 80_000
_LEAST_SAMPLES = 1000
_MOST_SAMPLES = 20_000

_RECORD = re.compile(rb'"mode": "\w+", "epoch": ')
_RARE = (b"val", b"test")
_IS_RARE = re.compile(rb'"mode": "(?:val|test)", "epoch": ')

_LARGEST: Final = int(sys.float_info.max)


@dataclass(slots=True)
class Series:
    """The values of one scalar of one rank, in the order in which they were logged.

    Attributes:
        name: ``train/loss``.
        rank: Who logged it.
        steps: Iterations; for the summary of an epoch-based val or test loop too.
        values: As many numbers; NaN and infinities are kept.
        times_s: Unix times.
        epochs: Epochs, from 1.
        attempts: Which attempt each is of.
        is_sampled: Whether the file was too long to be read whole, so that any line may be missing.
        even_steps: Of a long file, iterations at even distances: between them only extremes and what is not finite
            were kept. Empty where every value is there.
        left_out: How many values of each kind that is not finite were not kept: ``NaN``, ``Inf``, ``-Inf``.
    """

    name: str
    rank: int
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    is_sampled: bool = False
    even_steps: Set[int] = frozenset()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def put(self, entry: Entry, value: float) -> None:
        """Append a value of a record; what an earlier attempt said of this step and later ones is forgotten."""
        if self.attempts and self.attempts[-1] < entry.attempt:
            self.drop_from(entry.iter)
        self.steps.append(entry.iter)
        self.values.append(float(value))
        self.times_s.append(entry.time_s)
        self.epochs.append(entry.epoch)
        self.attempts.append(entry.attempt)

    def drop_from(self, step: int, but_of: int | None = None) -> None:
        """Forget what lies at or behind a step: it was done again, in one attempt or in that which is kept."""
        pairs = zip(self.steps, self.attempts, strict=True)
        self._keep([at < step or attempt == but_of for at, attempt in pairs])

    def keep_latest(self) -> None:
        """Forget what was logged of a step before the last time."""
        latest = {step: at for at, step in enumerate(self.steps)}
        if len(latest) < len(self.steps):
            self._keep([latest[step] == at for at, step in enumerate(self.steps)])

    def _keep(self, is_kept: Sequence[bool]) -> None:
        for column in (self.steps, self.epochs, self.attempts):
            column[:] = itertools.compress(column, is_kept)
        for numbers in (self.values, self.times_s):
            numbers[:] = itertools.compress(numbers, is_kept)


class Splicing:
    """Puts the records of a rank together so that each step counts once, as it was done last.

    A loop whose iterations go back does again what is behind: a restart, or a checkpoint that was loaded. A record of
    scalars that name their step may go back to any, as TensorBoard's by epoch beside those by iteration: it tells of
    this step and of its own scalars alone.

    Args:
        fits: Whether a name such as ``val/acc`` is wanted.
    """

    def __init__(self, fits: Callable[[str], bool]) -> None:
        self._fits = fits
        self._found: dict[str, Series] = {}
        self._last: Entry | None = None

    def put(self, entry: Entry, *, is_sampled: bool = False) -> None:
        """Take the next record.

        Args:
            entry: The record.
            is_sampled: Whether records between it and the one before may be missing.
        """
        if entry.mode == "train":
            last, self._last = self._last, entry
            if _is_of_loop(entry):
                if last is None or last.attempt < entry.attempt:
                    self._drop_from(entry.iter, but_of=entry.attempt)
                elif entry.iter < last.iter:
                    self._drop_from(entry.iter)
        for tag, value in entry.tags.items():
            name = full_name(entry.mode, tag)
            if is_number(value) and self._fits(name):
                series = self._found.setdefault(name, Series(name, entry.rank))
                series.is_sampled |= is_sampled
                series.put(entry, value)

    def series(self) -> dict[str, Series]:
        """Return the scalars by name, each step once."""
        for series in self._found.values():
            series.keep_latest()
        return {name: series for name, series in self._found.items() if series.steps}

    def _drop_from(self, step: int, but_of: int | None = None) -> None:
        for series in self._found.values():
            series.drop_from(step, but_of)


def wanted(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a name such as ``train/loss`` fits one of the patterns; ``loss`` fits it in every loop.

    Patterns are those of a shell: ``val/*``, ``*loss*``. What records have by themselves, such as ``iter`` and
    ``time``, is wanted by its name alone: ``val/*`` is what was measured.
    """
    whole = [pattern if "/" in pattern else f"*/{pattern}" for pattern in patterns]
    own = [pattern for pattern in whole if pattern.rpartition("/")[2] in RESERVED_TAGS]

    def fits(name: str) -> bool:
        chosen = own if name.rpartition("/")[2] in RESERVED_TAGS else whole
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in chosen)

    return fits


def read_series(run: Run, fits: Callable[[str], bool], rank: int, files: int = 1) -> dict[str, Series]:
    """Return the scalars of a rank by name; of steps that were done again the last time counts.

    Args:
        run: The run.
        fits: Whether a name such as ``val/acc`` is wanted.
        rank: One of ``run.ranks``.
        files: How many ranks of how many runs the caller reads: what is looked at of each is so much less.

    Raises:
        OSError: A file cannot be read.
    """
    splicing = Splicing(fits)
    thinning = Thinning(fits)
    for part in run.parts_of(rank):
        size = (_size(part.path) if part.stop is None else part.stop) - part.start
        is_sampled = size > SCANNED_BYTES // files
        if is_sampled:
            lines = _sampled_lines(part, size, files)
        else:
            lines = part.lines() if size <= WHOLE_BYTES else thinning.lines(part)
        for line in lines:
            entry = parse_entry(line) if _RECORD.search(line) else None
            if entry is not None:
                splicing.put(entry, is_sampled=is_sampled)
    found = splicing.series()
    for name, series in found.items():
        series.even_steps = thinning.even_steps
        series.left_out = thinning.left_out.get(name, {})
    return found


def _is_of_loop(entry: Entry) -> bool:
    """Whether a loop counts its iterations, and not the user: it has both times, with hierarchy below its mode."""
    return all(tag in entry.tags or f"{entry.mode}/{tag}" in entry.tags for tag in ("time", "data_time"))


def is_number(value: Any) -> bool:
    """Whether a tag's value can be drawn: an int above all floats cannot."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, float) or abs(value) <= _LARGEST


def is_finite(value: float) -> bool:
    """Whether a value is neither NaN nor infinite."""
    return math.isfinite(value)


def _sampled_lines(part: Part, size: int, files: int) -> Iterator[bytes]:
    """Lines at even distances; where few files are read, all of val and test loops too."""
    samples = min(_MOST_SAMPLES, max(_LEAST_SAMPLES, _SAMPLES // files))
    spaced = _spaced_lines(part.path, part.start, part.start + size, samples)
    if samples < _MOST_SAMPLES:
        return spaced
    rare = (lines_with(part.path, b'"mode": "%s", "epoch": ' % mode, part.start, part.stop) for mode in _RARE)
    return itertools.chain((line for line in spaced if not _IS_RARE.search(line)), *rare)


def _spaced_lines(path: Path, start: int, stop: int, samples: int) -> Iterator[bytes]:
    """Yield so many lines at even distances, and the last ones whole."""
    seen = -1
    with path.open("rb") as file:
        for number in range(samples + 1):
            at, line = line_at(file, start + (stop - start - 1) * number // samples)
            if at > seen and line and at < stop:
                seen = at
                yield line


def _size(path: Path) -> int:
    return path.stat().st_size
