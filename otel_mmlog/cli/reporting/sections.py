"""The sections of the page below its head."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from otel_mmlog.cli.reporting.flame import Build, flame, registries, shown_ms
from otel_mmlog.cli.reporting.gantt import MOST_RANKS, gantt, timeline_of
from otel_mmlog.cli.reporting.html import Html, Part, cut, join, table, tag
from otel_mmlog.cli.reporting.life import Life
from otel_mmlog.cli.reporting.messages import Message, Messages
from otel_mmlog.cli.reporting.pictures import MOST, Pictures
from otel_mmlog.cli.reporting.rank_times import MOST as MOST_TIMED
from otel_mmlog.cli.reporting.rank_times import RankTimes, ranks_table
from otel_mmlog.core.shown import counted
from otel_mmlog.plots.summary import rows_of

NO_MATPLOTLIB: Final = "Pictures need matplotlib: pip install 'otel-mmlog[plot]', and write the report again."
_MOST_SCALARS: Final = 60
_MOST_BUILDS: Final = 12
_MOST_MESSAGES: Final = 50
_MOST_NAMED_RANKS: Final = 8
_MOST_SETTINGS: Final = 400
_TEXT_CHARS: Final = 1500
_TRACE_CHARS: Final = 12_000
_SETTING_CHARS: Final = 300
_NAME_CHARS: Final = 120


def plots_section(pictures: Pictures) -> Html:
    """Return pictures of scalars, and their numbers."""
    if pictures.chart is None:
        return join(_note("This run has logged no scalars."))
    remarks = []
    if not pictures.has_matplotlib:
        remarks.append(NO_MATPLOTLIB)
    if pictures.chart.ranks:
        remarks.append(
            f"Lines and last values are the median of {pictures.chart.ranks} ranks, bands go from lowest to highest."
        )
    if any(panel.odd_counts() for panel in pictures.chart.panels):
        remarks.append("What is NaN or infinite is marked on the edge of a picture.")
    if len(pictures.chart.panels) > len(pictures.drawn) > 0:
        remarks.append(
            f"Drawn are {MOST} of {len(pictures.chart.panels)} scalars: otel-mmlog plot draws any."
        )
    if pictures.is_sampled:
        remarks.append("Long files were sampled: single lines are not in the pictures.")
    figures = (tag("figure", picture) for picture in pictures.drawn)
    _, *rows = rows_of(pictures.chart)
    shown: list[tuple[Part, ...]] = [
        (scalar, "NaN" if last == "nan" else last, *others)
        for scalar, _, last, *others in rows[:_MOST_SCALARS]
    ]
    head: tuple[Part, ...] = ("scalar", "last", "lowest", "highest", "not finite")
    if not any(row[-1] for row in shown):
        head, shown = head[:-1], [row[:-1] for row in shown]
    numbers = table(head, shown, numbers=(1, 2, 3))
    if len(rows) > len(shown):
        remarks.append(f"The table has {len(shown)} of {len(rows)} scalars.")
    return join(
        _note(" ".join(remarks)), tag("div", *figures, class_="plots"), tag("h3", "In numbers"), numbers
    )


def life_section(life: Life) -> Html:
    """Return the run's life as bars."""
    left = len(life.bars) - MOST_RANKS
    more = [f"{counted(left, 'more rank')} left out."] if left > 0 else []
    line = timeline_of(life.bars)
    told = ["Time since the begin."]
    if len(line.pieces) > 1:
        told = ["Time since the begin; long pauses are shortened."]
    return join(
        _note(" ".join([*told, *life.notes, *more])), tag("div", gantt(life.bars, line), class_="card")
    )


def builds_section(root: Build, whose: tuple[int, int]) -> Html:
    """Return registry builds as a flame graph, and the slowest as a table."""
    rank, attempt = whose
    told = (
        f"What rank {rank} built in attempt {attempt}: {counted(root.count, 'build')} in {shown_ms(root.total_s)}. "
        "A bar is as wide as its build was long; below it is what it built inside."
    )
    key = (
        tag("span", tag("svg", tag("rect", width="11", height="11", rx="2", class_=f"r{number}"), width="11",
                        height="11", class_="flame", style="display:inline"), cut(name, _NAME_CHARS))
        for number, name in enumerate(registries(root))
    )  # fmt: skip
    slowest = sorted(root.all(), key=lambda build: -build.own_s)
    rows: list[tuple[Part, ...]] = [
        (
            cut(build.name, _NAME_CHARS),
            build.count,
            shown_ms(build.total_s),
            shown_ms(build.own_s),
            cut(build.registry, _NAME_CHARS),
            cut(build.module, _NAME_CHARS),
        )
        for build in slowest[:_MOST_BUILDS]
    ]
    head = ("class", "builds", "in all", "without inner", "registry", "module")
    title = tag("h3", "Slowest" if len(slowest) > len(rows) else "All of them")
    picture = tag("div", flame(root), tag("div", *key, class_="key"), class_="card")
    return join(_note(told), picture, title, table(head, rows, numbers=(1, 2, 3)))


def ranks_section(times: RankTimes) -> Html:
    """Return the ranks side by side."""
    left = len(times.each) - MOST_TIMED
    more = f"{counted(left, 'faster rank')} left out." if left > 0 else ""
    return join(_note(" ".join(filter(None, [*times.remarks, more]))), ranks_table(times))


def messages_section(messages: Messages, ranks: int) -> Html:
    """Return warnings and errors, the worst first."""
    if not messages.kinds:
        return join(_note("There are none."))
    counts = ", ".join(f"{count:,} {level}" for level, count in sorted(messages.counts.items()))
    remarks = [
        f"{counts}, in {counted(len(messages.kinds), 'kind')}: texts that differ in numbers only are one."
    ]
    if len(messages.kinds) > _MOST_MESSAGES:
        remarks.append(f"The first {_MOST_MESSAGES} of them are here.")
    if not messages.is_whole:
        remarks.append("There is more than could be read: counts are too low.")
    items = (_message(message, ranks) for message in messages.kinds[:_MOST_MESSAGES])
    return join(_note(" ".join(remarks)), tag("ul", *items, class_="messages"))


def config_section(config: Mapping[str, Any]) -> Html:
    """Return the settings."""
    rows = list(config.items())
    pairs = (
        tag("div", tag("dt", cut(name, _NAME_CHARS)), tag("dd", cut(_setting(value), _SETTING_CHARS)))
        for name, value in rows[:_MOST_SETTINGS]
    )
    left = len(rows) - _MOST_SETTINGS
    more = f"{counted(left, 'more setting')} left out: otel-mmlog show --json has all." if left > 0 else ""
    return join(_note(more), tag("dl", *pairs, class_="config"))


def _message(message: Message, ranks: int) -> Html:
    first = message.first
    is_bad = first.level != "WARNING"
    times = f"{message.count:,} times" if message.count > 1 else "once"
    when = _when(first.time_s, message.last_s)
    whose = _ranks(sorted(message.ranks)) if ranks > 1 else None
    varied = "numbers differ" if message.is_varied else None
    told = [
        tag("b", first.level),
        *(tag("span", part) for part in (times, when, whose, varied, first.logger) if part),
    ]
    parts: list[Part] = [tag("div", *told, class_="meta"), tag("p", cut(first.text, _TEXT_CHARS))]
    if first.exception is not None:
        kind, what, trace = first.exception
        parts.append(tag("p", cut(f"{kind}: {what}", _TEXT_CHARS), class_="why"))
        if trace:
            shown = trace if len(trace) <= _TRACE_CHARS else f"...\n{trace[-_TRACE_CHARS:]}"
            parts.append(tag("details", tag("summary", "Stack trace"), tag("pre", shown)))
    return tag("li", *parts, class_="bad" if is_bad else "warn")


def _ranks(ranks: list[int]) -> str:
    shown = ", ".join(map(str, ranks[:_MOST_NAMED_RANKS]))
    more = f" and {len(ranks) - _MOST_NAMED_RANKS} more" if len(ranks) > _MOST_NAMED_RANKS else ""
    return f"rank{'s' if len(ranks) > 1 else ''} {shown}{more}"


def _when(first_s: float, last_s: float) -> str:
    """Return when the first and the last of some calls were, the day of the last only if it is another one."""
    first, last = (
        f"{datetime.fromtimestamp(time_s).astimezone():%m-%d %H:%M:%S}" for time_s in (first_s, last_s)
    )
    if last == first:
        return first
    return f"{first} to {last[6:] if last[:5] == first[:5] else last}"


def _setting(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else repr(value)


def _note(told: str) -> Html | None:
    return tag("p", told, class_="note") if told else None
