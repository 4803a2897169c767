"""With a real Collector: what runs leave on disk and what arrives are the same, whenever it is there."""

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.arrivals import Arrivals, assert_same
from tests.end_to_end.collectors import PROTOCOLS, free_ports, local_collector
from tests.end_to_end.digits_runs import finish, json_lines, start_digits
from tests.end_to_end.otlp_files import Point, Telemetry, read_otlp
from tests.end_to_end.servers import wait_until
from tests.end_to_end.steady_runs import segments, start_steady

OUTAGE_S = 6.0
PATIENT = {"OTEL_MMLOG_CLOSE_TIMEOUT": "30"}
COUNTS = re.compile(r"(\d+) points, (\d+) log records, (\d+) spans")
RANKS = (0, 1)


@dataclass(frozen=True, slots=True)
class Digits:
    """A run of two ranks that is over, and what arrived of it: apart, what it told of its own journal and sender."""

    work_dir: Path
    found: Telemetry
    health: list[Point]
    repeats: int

    def lines(self, rank: int) -> list[dict[str, Any]]:
        """The JSON lines of a rank."""
        return json_lines(self.work_dir / ("digits.jsonl" if rank == 0 else f"digits_rank{rank}.jsonl"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Digits]:
    """The digits example with NaN in it, by protocol, all three at one Collector."""
    folder, ports = tmp_path_factory.mktemp("delivery"), free_ports()
    work_dirs = {protocol: folder / protocol.replace("/", "-") for protocol in PROTOCOLS}
    with local_collector(folder / "collector", ports) as out:
        jobs = [
            start_digits(
                work_dir, "--distributed", "--diverge", variables=ports.variables(protocol) | PATIENT
            )
            for protocol, work_dir in work_dirs.items()
        ]
        for job in jobs:
            finish(job)
    arrivals = Arrivals(out)
    runs = {}
    for protocol, work_dir in work_dirs.items():
        ids = {line["run_id"] for line in json_lines(work_dir / "digits.jsonl")}
        health = [point for point in arrivals.health if point.resource["mmlog.run.id"] in ids]
        runs[protocol] = Digits(work_dir, arrivals.of_runs(ids), health, sum(arrivals.repeats.values()))
    return runs


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_arrives_is_what_is_on_disk(runs: dict[str, Digits], protocol: str) -> None:
    """Points are the tags (NaN too), log records the JSON lines, spans are whole; nothing comes twice."""
    run = runs[protocol]
    assert_same(run.found, [line for rank in RANKS for line in run.lines(rank)])
    assert any(str(point.value) == "nan" for point in run.found.points)
    assert run.repeats == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_last_lines_tell_what_arrived(runs: dict[str, Digits], protocol: str) -> None:
    """Each rank says that it delivered what it journalled, and that is what is at the Collector."""
    run = runs[protocol]
    for rank in RANKS:
        *_, journalled, delivered = (line["event"] for line in run.lines(rank))
        assert delivered.startswith("Delivered: ")
        assert "left" not in delivered
        counts = [COUNTS.search(text) for text in (journalled, delivered)]
        told = [tuple(map(int, match.groups())) for match in counts if match]
        assert told[0] == told[1]
        points, health, logs, spans = (
            sum(item.resource["rank"] == rank for item in items)
            for items in (run.found.points, run.health, run.found.logs, run.found.spans)
        )
        assert (logs - 3, spans) == told[0][1:]  # the last three lines are log records as well
        assert points <= told[0][0] < points + health  # what is told of this very delivery comes behind


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_last_health_tells_what_arrived(runs: dict[str, Digits], protocol: str) -> None:
    """All that each rank gave to its journal is told as delivered; what tells so arrived as well, and ends."""
    run = runs[protocol]
    for rank in RANKS:
        mine = [point for point in run.health if point.resource["rank"] == rank]
        last = {(each.name, each.attributes.get("signal")): each.value for each in mine if not each.flags}
        for signal in ("metrics", "logs", "traces"):
            produced, delivered = (
                last[f"mmlog.{name}", signal] for name in ("journal.produced", "delivery.delivered")
            )
            assert produced == delivered
        assert last["mmlog.delivery.backlog", None] == 0
        assert len([each for each in mine if each.flags]) == len(last)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_left_after_delivery(runs: dict[str, Digits], protocol: str) -> None:
    """The segments of both ranks are gone, and their senders had nothing to say."""
    work_dir = runs[protocol].work_dir
    assert segments(work_dir) == []
    words = sorted(work_dir.glob("otlp/rank*/sender.log"))
    assert [path.read_text() for path in words] == ["", ""]


def test_an_outage_in_mid_run_costs_nothing(tmp_path: Path) -> None:
    """A Collector that goes and comes back has everything once in its two lives, over each protocol."""
    ports = free_ports()
    with local_collector(tmp_path / "first", ports) as first:
        runs = [
            start_steady(tmp_path / str(number), OUTAGE_S + 4, ports.variables(protocol) | PATIENT)
            for number, protocol in enumerate(PROTOCOLS)
        ]
        assert wait_until(lambda: len(instances(first)) == len(runs), 30)
    stopped = [len(run.lines()) for run in runs]
    time.sleep(OUTAGE_S)
    assert all(len(run.lines()) > before + 50 for run, before in zip(runs, stopped, strict=True))
    with local_collector(tmp_path / "second", ports) as second:
        assert [run.finish()[-1] for run in runs] == ["closed True"] * len(runs)
    arrivals = Arrivals(first, second)
    assert read_otlp(second).items > 0
    for run in runs:
        assert_same(arrivals.of_runs(ids_of(run.lines())), run.lines())
        assert segments(run.work_dir) == []
    assert max(arrivals.repeats.values(), default=0) <= 1


def test_what_a_whole_run_could_not_deliver_is_sent_by_hand(tmp_path: Path) -> None:
    """With no Collector a run says what is left and how to send it; doing so delivers everything once."""
    ports = free_ports()
    impatient = {"OTEL_MMLOG_CLOSE_TIMEOUT": "1", "OTEL_MMLOG_LINGER": "0"}
    runs = [
        start_steady(tmp_path / str(number), 2, ports.variables(protocol) | impatient)
        for number, protocol in enumerate(PROTOCOLS)
    ]
    assert [run.finish()[-1] for run in runs] == ["closed False"] * len(runs)
    for run in runs:
        assert "bytes left" in run.lines()[-1]["event"]
        assert f"otel-mmlog send {run.work_dir / 'otlp' / 'rank0000'}" in run.lines()[-1]["event"]
    with local_collector(tmp_path / "collector", ports) as out:
        sent = [run.send() for run in runs]
    assert [each.returncode for each in sent] == [0] * len(runs), [each.stderr for each in sent]
    arrivals = Arrivals(out)
    for run in runs:
        assert_same(arrivals.of_runs(ids_of(run.lines())), run.lines())
        assert segments(run.work_dir) == []
    assert arrivals.repeats == Counter()


def instances(out: Path) -> set[str]:
    """The processes of which points are at a Collector."""
    return {point.resource["service.instance.id"] for point in read_otlp(out).points}


def ids_of(lines: list[dict[str, Any]]) -> set[str]:
    """The runs that wrote some JSON lines."""
    return {line["run_id"] for line in lines}
