"""The ranks of a run side by side: how long their steps took, and how that went on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from otel_mmlog.cli.pacing.journals import journals_by_rank, read_journal_times
from otel_mmlog.cli.pacing.text import remarks, slowest_first
from otel_mmlog.cli.reporting.flame import shown_ms
from otel_mmlog.cli.reporting.html import Html, Part, table, tag
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.paces import Pace, Paces, pace_of_each, side_by_side
from otel_mmlog.runs.step_times import read_step_times

MOST: Final = 32
"""How many ranks are shown; of more the slowest ones."""

OVER: Final = 0.1
"""How much longer than the median rank is too slow."""

_POINTS = 80
_SPARK = 100.0, 20.0


@dataclass(frozen=True, slots=True)
class RankTimes:
    """What is known of them.

    Attributes:
        paces: Their times at the same steps.
        each: How each of them does.
        hosts: The machine of each.
        remarks: Who is slow, since when, and what it costs.
    """

    paces: Paces
    each: list[Pace]
    hosts: dict[int, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def rank_times(run: Run) -> RankTimes | None:
    """Return the times of all ranks; None if fewer than two have left some.

    Raises:
        OSError: A file cannot be read.
    """
    times = [read_step_times(run, rank) for rank in run.ranks]
    for rank, path in journals_by_rank(run.work_dir).items():
        if rank not in run.ranks:
            times.append(read_journal_times(path, rank, run.run_id))
    times = sorted((each for each in times if each.steps), key=lambda each: each.rank)
    if len(times) < 2:
        return None
    try:
        paces = side_by_side(times)
    except ValueError:
        return None
    each = pace_of_each(paces, OVER)
    hosts = {one.rank: one.host for one in times}
    return RankTimes(paces, each, hosts, list(remarks(paces, each, hosts, OVER)))


def ranks_table(times: RankTimes) -> Html:
    """Return a row a rank: a bar of its mean step, the part of it that waits for data, and its course."""
    shown = times.each if len(times.each) <= MOST else slowest_first(times.each)[:MOST]
    longest_s = max((pace.mean_s for pace in shown if math.isfinite(pace.mean_s)), default=1.0) or 1.0
    highest_s = float(np.nanpercentile(times.paces.times_s, 99)) or 1.0
    rows: list[tuple[Part, ...]] = []
    for pace in sorted(shown, key=lambda pace: pace.rank):
        row = times.paces.ranks.index(pace.rank)
        rows.append(
            (
                str(pace.rank),
                tag("span", times.hosts.get(pace.rank, ""), class_="host"),
                _bar(pace, longest_s),
                shown_ms(pace.mean_s),
                shown_ms(pace.p95_s),
                shown_ms(pace.data_s),
                f"{pace.slow_share:.0%}",
                _spark(times.paces.times_s[row], highest_s),
            )
        )
    head = ("rank", "host", "mean step, data first", "mean", "p95", "data", "slow", "step by step")
    return table(head, rows, numbers=(3, 4, 5, 6))


def _bar(pace: Pace, longest_s: float) -> Html:
    width = _percent(pace.mean_s / longest_s)
    data = _percent(pace.data_s / longest_s)
    return tag(
        "svg",
        tag("rect", width=width, height="100%", rx="2", class_="step"),
        tag("rect", width=data, height="100%", rx="2", class_="data"),
        class_="bar",
        height="12",
    )


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}%" if math.isfinite(share) else "0%"


def _spark(times_s: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], highest_s: float) -> Html:
    """A line of means over so many stretches of the run, from 0 up to what all ranks have in common."""
    values = np.asarray(times_s, dtype=np.float64)
    chunks = np.array_split(values, min(_POINTS, len(values)))
    means = [float(np.mean(real)) if len(real := chunk[np.isfinite(chunk)]) else None for chunk in chunks]
    width, height = _SPARK
    path, is_down = [], False
    for at, mean in enumerate(means):
        if mean is None:
            is_down = False
            continue
        x = width * at / max(1, len(means) - 1)
        y = height - 1 - (height - 2) * min(1.0, mean / highest_s)
        path.append(f"{'L' if is_down else 'M'}{x:.1f} {y:.1f}")
        is_down = True
    return tag(
        "svg",
        tag("path", d="".join(path), vector_effect="non-scaling-stroke"),
        class_="spark",
        viewBox="0 0 100 20",
        preserveAspectRatio="none",
        height="20",
    )
