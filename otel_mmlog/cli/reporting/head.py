"""The top of the page: what the run is, how it stands, and what is wrong with it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from otel_mmlog.cli.reporting.facts import Facts
from otel_mmlog.cli.reporting.html import Html, Part, cut, join, table, tag
from otel_mmlog.cli.showing.attempts import Attempt
from otel_mmlog.cli.showing.rows import number_text, shown_ranks
from otel_mmlog.cli.showing.summary import Summary
from otel_mmlog.cli.shown import shown_seconds
from otel_mmlog.core.shown import counted
from otel_mmlog.runs.find import Run

_MOST_ALERTS: Final = 12
_MOST_ATTEMPTS: Final = 30
_TEXT_CHARS: Final = 300
_ENDED: Final = ("finished", "failed", "killed", "stopped")


def moment(time_s: float) -> str:
    """Return a Unix time as people of this machine write it."""
    return f"{datetime.fromtimestamp(time_s).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def head(facts: Facts) -> Html:
    """Return the head of a page."""
    summary = facts.summary
    state = tag("span", summary.state, class_=f"state {summary.state}")
    sub = join("Run ", tag("code", summary.run_id), f", began {moment(summary.began_s)}")
    tiles = (
        tag("div", tag("dt", name), tag("dd", value, tag("small", more) if more else None))
        for name, value, more in _tiles(facts)
    )
    return tag(
        "header",
        tag("h1", summary.name, state),
        tag("p", sub, class_="sub"),
        _origin(facts),
        tag("dl", *tiles, class_="tiles"),
        _alerts(facts.alerts),
        _attempts(facts.attempts),
        class_="top",
    )


def _tiles(facts: Facts) -> Iterator[tuple[str, Part, str]]:
    summary = facts.summary
    record, best, loss = summary.record, summary.best, summary.loss
    yield _duration(facts)
    if record is not None:
        at = f"of epoch {record.epoch}" if record.epoch else ""
        yield "Iteration", record.iter, at
    yield "Attempts", summary.attempts, _resumed(facts.attempts)
    is_part = summary.world_size > summary.ranks
    yield "Ranks", shown_ranks(summary), "wrote lines" if is_part else ""
    if loss is not None:
        yield f"Last {loss[0]}", number_text(loss[1]), _whose(summary, loss[0])
    if best is not None:
        at = f"at epoch {best.epoch}" if best.epoch else f"at iteration {best.iter:,}"
        which = "highest" if best.direction == "max" else "lowest"
        more = ", ".join(filter(None, (which, at, _whose(summary, best.name))))
        yield f"Best {best.name}", number_text(best.value), more
    counts = facts.messages.counts
    errors = counts.get("ERROR", 0) + counts.get("CRITICAL", 0)
    warnings = counts.get("WARNING", 0)
    least = "" if facts.messages.is_whole else "at least "
    yield "Errors", errors, f"{least}{counted(warnings, 'warning')}"


def _whose(summary: Summary, name: str) -> str:
    """Of which rank a value is, where ranks have several; pictures and their table are of all ranks."""
    differs = len({state.values.get(name) for state in summary.states}) > 1
    return f"rank {summary.states[0].rank}" if differs else ""


def _duration(facts: Facts) -> tuple[str, str, str]:
    """How long it ran, and over which time if there were pauses."""
    summary = facts.summary
    whole_s = max(0.0, summary.last_s - summary.began_s)
    busy_s = sum(each.last_s - each.began_s for each in facts.attempts) or whole_s
    name = "Duration" if summary.state in _ENDED else "So far"
    over = f"within {shown_seconds(whole_s)}" if whole_s > 1.05 * busy_s + 1 else ""
    return name, shown_seconds(min(busy_s, whole_s)), over


def _resumed(attempts: list[Attempt]) -> str:
    bad = [each for each in attempts[:-1] if each.state in ("failed", "killed")]
    return f"{len(bad)} ended early" if bad else ""


def _origin(facts: Facts) -> Html | None:
    if isinstance(facts.summary.run, Run):
        return None
    told = "MMEngine's own files are all there is of this run: they do not say how it ended, nor what it did when."
    return tag("p", told, class_="sub")


def _alerts(alerts: list[str]) -> Html | None:
    if not alerts:
        return None
    items = [tag("li", cut(alert.partition("\n")[0], _TEXT_CHARS)) for alert in alerts[:_MOST_ALERTS]]
    if len(alerts) > _MOST_ALERTS:
        items.append(tag("li", f"and {len(alerts) - _MOST_ALERTS} more: otel-mmlog show has them"))
    return tag("ul", *items, class_="alerts")


def _attempts(attempts: list[Attempt]) -> Html | None:
    if len(attempts) < 2:
        return None
    rows: list[tuple[Part, ...]] = [
        (
            str(each.attempt),
            tag("span", each.state, class_=each.state),
            shown_seconds(each.last_s - each.began_s),
            "-" if each.iter is None else each.iter,
            tag("span", moment(each.began_s), class_="when"),
        )
        for each in attempts[-_MOST_ATTEMPTS:]
    ]
    left = len(attempts) - len(rows)
    more = tag("p", f"{counted(left, 'earlier attempt')} left out.", class_="note") if left > 0 else None
    names = ("attempt", "state", "took", "up to iteration", "began")
    return join(tag("h3", "Attempts"), table(names, rows, numbers=(2, 3)), more)
