"""A whole fleet's metrics through agent, gateway and Prometheus, all real, with the users' configurations.

    python -m tests.benchmarks.fleet --ranks 10000 --seconds 120
    python -m tests.benchmarks.fleet --ranks 10000 --seconds 120 --interval 60 --past 3300

Each rank tells eight tags and its health, 23 points, at each interval, encoded and sent as a run does it. One process
speaks for all of them, a request for the eight ranks of a machine, spread evenly over the interval; one agent stands
for the agents of all machines (``--to gateway`` leaves it out: the requests come to the gateway as so many agents send
them). With ``--past`` the ranks have that many seconds behind them when it begins, at 10 s a record, so that what the
panels ask for is there. All tiers share this machine: their CPU a million points is what carries over to another one.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from otel_mmlog.otel.names import MetricNames
from tests.benchmarks.fleet_panels import AGGREGATES, asks, took
from tests.benchmarks.fleet_past import Past, make_past, write_past
from tests.benchmarks.fleet_ranks import A_MACHINE, RUN, SpeakingRank, samples
from tests.benchmarks.fleet_rows import NAME, Found, found_rows, panel_lines
from tests.benchmarks.fleet_speaker import Pace, speak
from tests.benchmarks.fleet_tiers import Tiers, machine_busy_s, own_metrics, size_bytes, tiers
from tests.benchmarks.table import Row, machine, render

__all__ = ["NAME", "Plan", "main", "measure", "rows"]

PAST_INTERVAL_S = 10.0
_DRAIN_S = 300
_A_PAST = 100
"""Ranks whose past is written at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Attributes:
        ranks: How many.
        seconds: For how long they speak.
        interval_s: From one record of a rank to the next.
        past_s: What they have behind them, an hour at most.
        in_request: Ranks of which one request tells.
        to: ``agent`` or ``gateway``.
        queries: Whether panels are timed.
    """

    ranks: int
    seconds: float
    interval_s: float = 10.0
    past_s: float = 0.0
    in_request: int = A_MACHINE
    to: str = "agent"
    queries: bool = True

    @property
    def intervals(self) -> int:
        """How often each rank speaks."""
        return max(round(self.seconds / self.interval_s), 1)


def measure(plan: Plan, folder: Path, variables: Mapping[str, str] | None = None) -> Found:
    """Start everything, speak, wait until all is stored, and ask.

    Args:
        plan: Who speaks, and how often.
        folder: For everything that the servers write.
        variables: Of agent and gateway, where they are not as by default.
    """
    names = MetricNames(print)
    ranks = [SpeakingRank(rank, plan.ranks, names) for rank in range(plan.ranks)]
    groups = [ranks[first : first + plan.in_request] for first in range(0, plan.ranks, plan.in_request)]
    with tiers(folder, variables or {}) as running:
        url = running.prometheus.url
        pace = Pace(plan.intervals, plan.interval_s, _write_past(plan, ranks, url))
        began_s, before, busy_s = time.time(), running.usage(), machine_busy_s()
        _say(f"speaking for {plan.ranks} ranks ...")
        spoken = speak(groups, running.target(plan.to), pace)
        said_s = time.time()
        _wait_for_records(running, plan.ranks * plan.intervals, began_s)
        drain_s, after = time.time() - said_s, running.usage()
        busy_s = machine_busy_s() - busy_s
        stored, queues = _stored(running, began_s), _queues(url, began_s)
        _say("asking ...")
        panels = [took(url, ask) for ask in asks(AGGREGATES)] if plan.queries else []
        rules_s = {group["name"]: group["evaluationTime"] for group in _get(url, "rules")["groups"]}
        who = f"{plan.ranks} ranks each {plan.interval_s:g} s, {plan.in_request} a request, by the {plan.to}"
        own, asked = own_metrics(url), running.usage()
        disk = _snapshot(running)
    return Found(
        who, spoken, stored, drain_s, before, after, asked, busy_s, queues, own, disk, rules_s, panels
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write_past(plan: Plan, ranks: Sequence[SpeakingRank], url: str) -> int:
    """Give the ranks their past; returns the number of the interval that comes next."""
    if not plan.past_s:
        return 0
    _say("writing the past ...")
    count = int(plan.past_s / PAST_INTERVAL_S)
    pasts = [_past(ranks[first : first + _A_PAST], count) for first in range(0, len(ranks), _A_PAST)]
    return write_past(url, pasts, plan.past_s, PAST_INTERVAL_S) + 2


def _past(ranks: Sequence[SpeakingRank], count: int) -> Past:
    first, last = (
        [sample for rank in ranks for line in rank.lines(number, time.time_ns()) for sample in samples(line)]
        for number in (1, count + 1)
    )
    return make_past(first, last)


def _wait_for_records(running: Tiers, records: int, began_s: float) -> None:
    """Wait until Prometheus has so many records, or for as long as no outage lasts."""
    deadline = time.monotonic() + _DRAIN_S
    while _count(running, "mmlog_train_iter", began_s) < records and time.monotonic() < deadline:
        time.sleep(1)


def _stored(running: Tiers, began_s: float) -> int:
    """How many points of the run Prometheus has."""
    names = [name for name in running.prometheus.names() if name.startswith("mmlog_")]
    return sum(_count(running, name, began_s) for name in names)


def _count(running: Tiers, name: str, began_s: float) -> int:
    since_s = int(time.time() - began_s) + 1
    text = f'sum(count_over_time({name}{{mmlog_run_id="{RUN}"}}[{since_s}s]))'
    found = _get(running.prometheus.url, "query", query=text)["result"]
    return int(found[0]["value"][1]) if found else 0


def _queues(url: str, began_s: float) -> dict[str, float]:
    text = (
        f"max by (service_name) (max_over_time(otelcol_exporter_queue_size[{int(time.time() - began_s)}s]))"
    )
    found = _get(url, "query", query=text)["result"]
    return {each["metric"]["service_name"].removeprefix("mmlog-"): float(each["value"][1]) for each in found}


def _get(url: str, path: str, **query: str) -> Any:
    body = urllib.parse.urlencode(query).encode() if query else None
    with urllib.request.urlopen(f"{url}/api/v1/{path}", body, timeout=150) as answer:
        return json.load(answer)["data"]


def _snapshot(running: Tiers) -> dict[str, int]:
    """What all samples take on disk, as blocks."""
    name = _get(running.prometheus.url, "admin/tsdb/snapshot", skip_head="false")["name"]
    folder = running.folder / "prometheus" / "tsdb" / "snapshots" / name
    metas = [json.loads(path.read_text())["stats"] for path in folder.glob("*/meta.json")]
    return {
        "chunks": sum(size_bytes(path) for path in folder.glob("*/chunks")),
        "index": sum(path.stat().st_size for path in folder.glob("*/index")),
        "samples": sum(meta["numSamples"] for meta in metas),
        "series": sum(meta["numSeries"] for meta in metas),
    }


def rows(*, quick: bool, ranks: int = 1000) -> Iterator[Row]:
    """Yield the rows of this benchmark; none, and a word of why, where a server is not on PATH."""
    if missing := _missing():
        _say(missing)
        return
    plan = Plan(16, 3, interval_s=1, past_s=60) if quick else Plan(ranks, 60)
    with tempfile.TemporaryDirectory() as folder:
        yield from found_rows(measure(plan, Path(folder)))


def _missing() -> str:
    names = [name for name in ("otelcol", "prometheus") if shutil.which(name) is None]
    return f"the fleet needs {' and '.join(names)} on PATH" if names else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parse(arguments)
    if missing := _missing():
        sys.exit(missing)
    plan = Plan(options.ranks, options.seconds, options.interval, options.past, options.in_request, options.to,
                queries=not options.no_queries)  # fmt: skip
    variables = dict(each.split("=", 1) for each in options.set)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(plan, Path(folder), variables)
    print(", ".join(f"{name} {value}" for name, value in machine().items()), "\n")
    print(render(list(found_rows(found))), "\n")
    print("\n".join(panel_lines(found.panels)))
    if options.json:
        kept = {"plan": asdict(plan), "rows": [asdict(row) for row in found_rows(found)]}
        options.json.write_text(json.dumps(kept, indent=1))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--ranks", type=int, default=1000)
    add("--seconds", type=float, default=60.0, help="for how long they speak")
    add("--interval", type=float, default=10.0, help="seconds from one record of a rank to the next")
    add("--past", type=float, default=0.0, help="seconds that the ranks have behind them, an hour at most")
    add("--in-request", type=int, default=A_MACHINE, help="ranks of which one request tells")
    add("--to", choices=("agent", "gateway"), default="agent")
    add("--no-queries", action="store_true", help="time no panels")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of agent and gateway")
    add("--folder", type=Path, help="where the servers' data goes; removed in the end")
    add("--json", type=Path, metavar="FILE", help="write the table as JSON, too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
