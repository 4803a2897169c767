"""Reads what a chart needs from runs, and puts it together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cache
from typing import Final

from otel_mmlog.core.escape import escape
from otel_mmlog.otel.semconv import RESERVED_TAGS, UNITS
from otel_mmlog.plots.axis import epoch_ends, time_unit, x_values
from otel_mmlog.plots.chart import Chart, Curve, Panel, XKind
from otel_mmlog.plots.curves import band_of, curve_of
from otel_mmlog.runs.labels import labels, setting_of
from otel_mmlog.runs.series import Series, wanted
from otel_mmlog.runs.sources import Fits, Source

_SHOWN_UNITS: Final = {"MiBy": "MiB"}
_X_LABELS: Final = {"step": "iteration", "epoch": "epoch"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be drawn.

    Attributes:
        patterns: Of names; empty for the loss and what val loops measure.
        x: What stands on the x axis.
        smoothing: Weight of the moving average, 0 for none.
        rank: Of which rank, or None for the first that each run has.
        is_banded: Whether all ranks are drawn as a band.
        is_log: Whether y is logarithmic.
        title: Above the picture.
    """

    patterns: tuple[str, ...] = ()
    x: XKind = "step"
    smoothing: float = 0.0
    rank: int | None = None
    is_banded: bool = False
    is_log: bool = False
    title: str = ""


@dataclass(slots=True)
class Reading:
    """A chart, and what is to be said about it.

    Attributes:
        chart: The chart; None if no run has what was wanted.
        sources: The runs in it, in the order of its labels.
        names: All scalars that were seen, wanted or not.
        is_sampled: Whether single lines of long files were left out.
        unmatched: Patterns that fit nothing.
    """

    chart: Chart | None = None
    sources: list[Source] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    is_sampled: bool = False
    unmatched: list[str] = field(default_factory=list)


def default_fits(name: str) -> bool:
    """Whether a scalar is drawn when nobody says which: the training's loss, and what val and test loops measure."""
    mode, _, tag = name.partition("/")
    return name == "train/loss" or (mode != "train" and tag not in RESERVED_TAGS)


def read_chart(sources: Sequence[Source], wish: Wish, advance: Callable[[], None]) -> Reading:
    """Read runs, and make a chart of those that have a scalar that is wanted.

    Args:
        sources: The runs.
        wish: What is to be drawn.
        advance: Called after each run.

    Raises:
        OSError: A file cannot be read.
    """
    reading = Reading()
    fits = wanted(wish.patterns) if wish.patterns else default_fits
    found: list[tuple[Source, dict[str, Curve], int]] = []
    files = sum(len(_ranks(source, wish)) for source in sources)
    for source in sources:
        curves, ranks = _curves(source, wish, fits, reading, files)
        if curves:
            found.append((source, curves, ranks))
        advance()
    reading.unmatched = [
        pattern for pattern in wish.patterns if not any(map(wanted([pattern]), reading.names))
    ]
    if found:
        reading.chart, reading.sources = _chart(found, wish)
    return reading


def _curves(
    source: Source, wish: Wish, fits: Fits, reading: Reading, files: int
) -> tuple[dict[str, Curve], int]:
    """The curves of a run by name, and over how many ranks they go."""
    ranks = _ranks(source, wish)

    @cache
    def sees(name: str) -> bool:
        reading.names.add(name)
        return fits(name) or (wish.x == "epoch" and name.endswith("/epoch"))

    by_rank: dict[int, dict[str, Series]] = {rank: source.read(sees, rank, files) for rank in ranks}
    ends = {rank: epoch_ends(found.values()) for rank, found in by_rank.items()} if wish.x == "epoch" else {}
    curves = {}
    for name in dict.fromkeys(name for found in by_rank.values() for name in found if fits(name)):
        series = {rank: found[name] for rank, found in by_rank.items() if found.get(name)}
        if not series:
            continue
        xs = [x_values(each, wish.x, source.began_s, ends.get(rank, [])) for rank, each in series.items()]
        reading.is_sampled |= any(each.is_sampled for each in series.values())
        if wish.is_banded:
            curves[name] = band_of(0, list(series.values()), xs, wish.smoothing)
        else:
            curves[name] = curve_of(0, next(iter(series.values())), xs[0], wish.smoothing)
    return curves, len(ranks)


def _ranks(source: Source, wish: Wish) -> Sequence[int]:
    if wish.is_banded:
        return source.ranks
    rank = source.ranks[0] if wish.rank is None else wish.rank
    return [rank] if rank in source.ranks else []


def _chart(found: list[tuple[Source, dict[str, Curve], int]], wish: Wish) -> tuple[Chart, list[Source]]:
    values = setting_of([source for source, _, _ in found])
    if values is not None:
        order = sorted(range(len(found)), key=values.__getitem__)
        found, values = [found[at] for at in order], sorted(values)
    sources = [source for source, _, _ in found]
    longest_s = max(float(curve.x[-1]) for _, curves, _ in found for curve in curves.values())
    is_wall = wish.x == "wall"
    # One offset for the whole axis, also where the clocks were changed meanwhile.
    zone = (datetime.fromtimestamp(longest_s).astimezone().tzinfo if is_wall else None) or timezone.utc
    unit, seconds = time_unit(longest_s) if wish.x == "time" else ("", 1.0)
    names = sorted({name for _, curves, _ in found for name in curves}, key=_in_order)
    panels = []
    for name in names:
        curves = [
            _scaled(replace(of[name], run=run), seconds) for run, (_, of, _) in enumerate(found) if name in of
        ]
        unit_of = UNITS.get(name.rpartition("/")[2], "")
        panels.append(Panel(escape(name), _SHOWN_UNITS.get(unit_of, unit_of), tuple(curves)))
    chart = Chart(
        tuple(panels),
        tuple(labels(sources)),
        tuple(values) if values is not None else None,
        wish.x,
        _X_LABELS.get(wish.x) or (f"time ({zone.tzname(None)})" if is_wall else f"time since start ({unit})"),
        escape(wish.title),
        wish.is_log,
        wish.smoothing,
        max(ranks for _, _, ranks in found) if wish.is_banded else 0,
        zone,
    )
    return chart, sources


def _scaled(curve: Curve, by: float) -> Curve:
    if by == 1.0:
        return curve
    return replace(curve, x=curve.x / by, odd={kind: x / by for kind, x in curve.odd.items()})


def _in_order(name: str) -> tuple[int, str]:
    mode = name.partition("/")[0]
    return ({"train": 0, "val": 1, "test": 2}.get(mode, 3), name)
