"""What ``otel-mmlog ranks`` says, for people."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from otel_mmlog.cli.shown import shown_seconds
from otel_mmlog.cli.table import table
from otel_mmlog.core.escape import escape
from otel_mmlog.core.shown import counted
from otel_mmlog.runs.paces import Pace, Paces

ALL_UP_TO = 16
"""As many ranks are all shown, in their order; of more the slowest ones."""

_SHOWN = 10
_NAMED = 5


def slowest_first(each: Sequence[Pace]) -> list[Pace]:
    """Return the ranks in the order of how much of the run they are too slow, then of their mean."""
    return sorted(each, key=lambda pace: (-pace.slow_share, -pace.mean_s, pace.rank))


def pace_table(each: Sequence[Pace], hosts: Mapping[int, str], *, show_all: bool) -> str:
    """Return a row a rank; of many ranks the slowest, unless all are asked for."""
    rows = list(each) if show_all or len(each) <= ALL_UP_TO else slowest_first(each)[:_SHOWN]
    has_hosts = any(hosts.values())
    scale, unit = (1e3, "ms") if max(pace.mean_s for pace in each) < 1 else (1.0, "s")
    head = ("rank", *(["host"] if has_hosts else []))
    numbers = (f"mean {unit}", "median", "p95", "data", "slow", "slowest in", "since step")
    cells = [_row(pace, [hosts.get(pace.rank, "")] if has_hosts else [], scale) for pace in rows]
    text = table(*_right_aligned([(*head, *numbers), *cells], len(head)))
    left = len(each) - len(rows)
    return f"{text}\n... and {counted(left, 'faster rank')}: --all shows all" if left else text


def remarks(paces: Paces, each: Sequence[Pace], hosts: Mapping[int, str], over: float) -> Iterator[str]:
    """Yield who is slow, since when, and what it costs."""
    slow = [pace for pace in slowest_first(each) if pace.since is not None]
    groups = _groups(slow, hosts)
    for names, pace in groups[:_NAMED]:
        until = "on" if pace.until is None else f"to {pace.until:,}"
        is_one = names.startswith("Rank")
        late = "waits for its data" if is_one else "wait for their data"
        what = late if _waits_for_data(paces, pace.rank, over) else f"{'is' if is_one else 'are'} slow"
        yield (
            f"{names} {what}: over {over:.0%} behind the median rank from step {pace.since:,} {until}, "
            f"in {pace.slow_share:.0%} of {'its' if is_one else 'their'} steps."
        )
    if len(groups) > _NAMED:
        yield f"There are {len(groups) - _NAMED} more."
    if not slow:
        yield f"No rank is over {over:.0%} behind the median rank for long."
    if paces.is_together:
        yield (
            "The ranks wait for each other, so that all take as long as the slowest: late data show here, a slow "
            "computation does not."
        )
    is_data = paces.is_together
    cost_s, total_s = paces.cost_s(data=is_data), paces.total_s
    kind = "latest data" if is_data else "slowest rank"
    share = cost_s / total_s if total_s else 0.0
    yield f"Waiting for the {kind} of each step costs {shown_seconds(cost_s)}, {share:.1%} of {shown_seconds(total_s)}."


def _groups(slow: Sequence[Pace], hosts: Mapping[int, str]) -> list[tuple[str, Pace]]:
    """Slow ranks by name, a machine of which all are slow as one, and the slowest of each."""
    everywhere = Counter(hosts.values())
    slow_on = Counter(hosts[pace.rank] for pace in slow)
    groups: dict[str, Pace] = {}
    for pace in slow:
        host = hosts[pace.rank]
        is_whole = len(everywhere) > 1 and everywhere[host] > 1 and slow_on[host] == everywhere[host]
        groups.setdefault(
            f"All {everywhere[host]} ranks of {escape(host)}" if is_whole and host else f"Rank {pace.rank}",
            pace,
        )
    return list(groups.items())


def _waits_for_data(paces: Paces, rank: int, over: float) -> bool:
    row = paces.ranks.index(rank)
    share = (paces.data_excess()[row] > over).mean()
    return bool(share >= 0.5 * max(share, (paces.excess()[row] > over).mean()) and share > 0)


def _row(pace: Pace, host: list[str], scale: float) -> tuple[str, ...]:
    times = (pace.mean_s, pace.median_s, pace.p95_s, pace.data_s)
    since = (
        ""
        if pace.since is None
        else f"{pace.since:,}" + ("" if pace.until is None else f" to {pace.until:,}")
    )
    return (
        str(pace.rank),
        *host,
        *(f"{seconds * scale:.1f}" for seconds in times),
        f"{pace.slow_share:.0%}",
        counted(pace.slowest_steps, "step"),
        since,
    )


def _right_aligned(rows: Sequence[tuple[str, ...]], names: int) -> list[tuple[str, ...]]:
    """Cells of numbers with units, padded so that they end below each other; names and the last column are not."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        tuple(
            cell if 0 < index < names or index == len(row) - 1 else cell.rjust(widths[index])
            for index, cell in enumerate(row)
        )
        for row in rows
    ]
