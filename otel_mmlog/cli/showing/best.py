"""The best value of a metric over a run: which metric, and whether more or less of it is better."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from otel_mmlog.runs.entries import Entry, full_name, parse_entry
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.reading import lines_with
from otel_mmlog.runs.series import is_finite, is_number

Direction = Literal["max", "min"]

_MODES = ("val", "test", "train")
_NO_METRIC = frozenset(
    {"time", "data_time", "lr", "base_lr", "memory", "eta", "epoch", "iter", "step", "count"}
)
_LESS_IS_BETTER = re.compile(r"loss|err|mae|mse|nll|ppl|perplexity|fid|wer|cer|dist|time", re.I)
_MORE_IS_BETTER = re.compile(r"acc|map|iou|f1|auc|top|recall|precision|bleu|psnr|score|\bap", re.I)


@dataclass(frozen=True, slots=True)
class Best:
    """A value that no other one of the run is better than.

    Attributes:
        name: ``val/accuracy``.
        value: The value; finite.
        direction: Which is better.
        epoch: Where it was.
        iter: Where it was.
    """

    name: str
    value: float
    direction: Direction
    epoch: int
    iter: int


def best_of(
    entries: Iterable[Entry], fits: Callable[[str], bool] | None, direction: Direction | None
) -> Best | None:
    """Return the best value among records; None if none of them has such a metric.

    Args:
        entries: Records.
        fits: Whether a name is the metric's; None to guess.
        direction: Which is better; None to guess by the name.
    """
    found: dict[tuple[bool, str], Best] = {}
    for entry in entries:
        is_summary = entry.event_name.endswith(".epoch")
        for tag, value in entry.tags.items():
            name = full_name(entry.mode, tag)
            is_wanted = tag not in _NO_METRIC if fits is None else fits(name)
            if not is_wanted or not is_number(value) or not is_finite(value):
                continue
            key = is_summary, name
            better = direction or guess_direction(name)
            known = found.get(key)
            if known is None or (value > known.value if better == "max" else value < known.value):
                found[key] = Best(name, float(value), better, entry.epoch, entry.iter)
    return min(found.items(), key=lambda item: _rank(*item[0]))[1] if found else None


def records_for(run: Run, metric: str | None) -> Iterator[Entry]:
    """Yield the records of the first rank that a metric may be in: those of val loops unless it names another.

    Raises:
        OSError: A file cannot be read.
    """
    mode = metric.split("/", 1)[0] if metric else "val"
    needle = f'"mode": "{mode if mode in _MODES else "val"}"'.encode()
    for part in run.parts_of(run.ranks[0]):
        for line in lines_with(part.path, needle, part.start, part.stop):
            entry = parse_entry(line)
            if entry is not None and entry.mode:
                yield entry


def guess_direction(name: str) -> Direction:
    """Return which is better, by a metric's name: less of a loss or an error, more of all else."""
    last = name.rpartition("/")[2]
    is_less = _LESS_IS_BETTER.search(last) and not _MORE_IS_BETTER.search(last)
    return "min" if is_less else "max"


def _rank(is_summary: bool, name: str) -> tuple[bool, bool, bool]:  # noqa: FBT001
    """What is taken first: summaries of a loop, then names of scores, then those of losses."""
    return not is_summary, _MORE_IS_BETTER.search(name) is None, _LESS_IS_BETTER.search(name) is None
