"""What was measured of a fleet, as rows of the benchmarks' table and as a table of panels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.fleet_panels import Took
from tests.benchmarks.fleet_speaker import Spoken
from tests.benchmarks.fleet_tiers import Usage
from tests.benchmarks.table import Row, figure

NAME = "fleet"
MIB = 1024**2
_OWN = {
    "prometheus_tsdb_head_series": "series",
    "prometheus_tsdb_head_chunks": "chunks",
    'prometheus_tsdb_head_out_of_order_samples_appended_total{type="float"}': "samples",
    "go_memstats_heap_inuse_bytes": "bytes",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured.

    Attributes:
        who: Who spoke, in words.
        spoken: What the ranks sent.
        stored: Points of it in Prometheus in the end.
        drain_s: From the last answer to the ranks until Prometheus had every record.
        before: What each tier had used when the ranks began.
        after: And when everything was stored.
        asked: And when all panels were asked.
        machine_s: CPU time that all of this machine used from `before` to `after`.
        queues: Tier -> items in its queue, at most, as it told every 15 s.
        store: Prometheus' own metrics at the end.
        disk: Bytes of chunks and index in a snapshot, and the samples and series in it.
        rules_s: Group of rules -> seconds that its last evaluation took.
        panels: What each query took.
    """

    who: str
    spoken: Spoken
    stored: int
    drain_s: float
    before: Mapping[str, Usage]
    after: Mapping[str, Usage]
    asked: Mapping[str, Usage]
    machine_s: float
    queues: Mapping[str, float]
    store: Mapping[str, float]
    disk: Mapping[str, int]
    rules_s: Mapping[str, float]
    panels: Sequence[Took]


def found_rows(found: Found) -> Iterator[Row]:
    """Yield what was measured, panels as one row a dashboard."""
    spoken = found.spoken
    yield _row(f"points, {found.who}", spoken.points, "points")
    yield _row("of which stored", found.stored, "points")
    yield _row("points a second, until all was stored", spoken.points / _wall_s(found), "points/s")
    yield _row("last request late by", spoken.late_s, "s")
    yield _row("stored after the last answer", found.drain_s, "s")
    yield _row("requests told to come again", spoken.refused, "requests")
    yield _row("JSON a point", spoken.bytes_json / spoken.points, "bytes")
    yield from _tier_rows(found)
    for name, unit in _OWN.items():
        yield _row(name.partition("{")[0], found.store[name], unit)
    yield _row("chunks a sample", found.disk["chunks"] / found.disk["samples"], "bytes")
    yield _row("index a series and block", found.disk["index"] / found.disk["series"], "bytes")
    for group, took_s in found.rules_s.items():
        yield _row(f"rules {group}, every 15 s", took_s, "s")
    for dashboard, total_s in _totals_s(found.panels).items():
        yield _row(f"dashboard {dashboard}, all queries, every 30 s", total_s, "s")


def _tier_rows(found: Found) -> Iterator[Row]:
    own_s = sum(after.cpu_s - found.before[tier].cpu_s for tier, after in found.after.items())
    yield _row("all tiers: CPU", own_s / _wall_s(found), "cores")
    yield _row("others on this machine: CPU", max(found.machine_s - own_s, 0) / _wall_s(found), "cores")
    for tier, after in found.after.items():
        used_s = after.cpu_s - found.before[tier].cpu_s
        yield _row(f"{tier}: CPU a million points", used_s / found.spoken.points * 1e6, "s")
        yield _row(f"{tier}: CPU", used_s / _wall_s(found), "cores")
        yield _row(f"{tier}: memory at most", after.peak_bytes / MIB, "MiB")
        if tier in found.queues:
            yield _row(f"{tier}: queue at most", found.queues[tier], "points")
    yield _row(
        "prometheus: memory at most, all panels asked", found.asked["prometheus"].peak_bytes / MIB, "MiB"
    )


def _wall_s(found: Found) -> float:
    return found.spoken.wall_s + found.drain_s


def _row(what: str, value: float, unit: str) -> Row:
    return figure(NAME, what, [value], unit=unit)


def _totals_s(panels: Iterable[Took]) -> dict[str, float]:
    totals_s: dict[str, float] = {}
    for each in panels:
        totals_s[each.ask.dashboard] = totals_s.get(each.ask.dashboard, 0) + each.wall_s
    return totals_s


def panel_lines(panels: Iterable[Took]) -> Iterator[str]:
    """Yield a line a query, the slowest first."""
    yield f"{'s':>8} {'series':>7} {'in memory':>11} {'read':>12}  query"
    for each in sorted(panels, key=lambda took: -took.wall_s):
        ask = each.ask
        step = "once" if ask.step_s is None else f"each {ask.step_s} s"
        words = f"{ask.dashboard}: {ask.panel} {ask.ref} ({step}) {each.error}"
        yield f"{each.wall_s:8.3f} {each.series:7} {each.peak_samples:11,} {each.read_samples:12,}  {words}"
