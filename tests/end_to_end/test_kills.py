"""SIGKILL of senders and of training processes, with a real Collector: nothing is lost, little comes twice.

MMLOG_TESTS_KILLS says how often each is killed; it is 5 where nothing is said.
"""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.end_to_end.arrivals import (
    Arrivals,
    assert_same,
    assert_spans_are_whole,
    logs_in,
    logs_of,
    points_in,
    points_of,
)
from tests.end_to_end.collectors import PROTOCOLS, Ports, free_ports, local_collector
from tests.end_to_end.servers import wait_until
from tests.end_to_end.steady_runs import SteadyRun, is_sender, printed_events, segments, start_steady

KILLS = int(os.environ.get("MMLOG_TESTS_KILLS", "5"))
RUN_S = 4.0
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Killed:
    """A run during which something was killed.

    Attributes:
        run: The run, which is over.
        printed: What it printed.
        kills: How often something was killed.
    """

    run: SteadyRun
    printed: list[str]
    kills: int

    @property
    def run_ids(self) -> set[str]:
        """The one id of the run."""
        return {line["run_id"] for line in self.run.lines()}


def start_round(tmp_path: Path, ports: Ports, number: int) -> SteadyRun:
    """Start one of many runs, over one protocol after the other; returns when it has written its first line."""
    variables = ports.variables(PROTOCOLS[number % len(PROTOCOLS)]) | {"OTEL_MMLOG_CLOSE_TIMEOUT": "30"}
    run = start_steady(tmp_path / f"run{number}", RUN_S, variables)
    assert wait_until(lambda: len(run.lines()) > 1, 30, poll_s=0.01)
    return run


def wait_for_end(pid: int) -> None:
    """Wait until a sender has ended."""
    assert wait_until(lambda: not is_sender(pid), 30)


def kill_its_senders(tmp_path: Path, ports: Ports, number: int) -> Killed:
    """Kill a run's sender, and the one that takes its place; send by hand what is left, if the run says so."""
    random = Random(number)
    run = start_round(tmp_path, ports, number)
    for longest_s in (1.5, 1.0):
        pid = run.wait_for_sender()
        time.sleep(random.uniform(0, longest_s))
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)
    printed = run.finish()
    if printed[-1] == "closed False":
        sent = run.send()
        assert sent.returncode == 0, sent.stderr
    return Killed(run, printed, kills=2)


def kill_its_training(tmp_path: Path, ports: Ports, number: int) -> Killed:
    """Kill a training process at any moment, and wait until its sender has ended by itself."""
    run = start_round(tmp_path, ports, number)
    pid = run.wait_for_sender()
    time.sleep(Random(number).uniform(0, RUN_S))
    run.process.kill()
    printed = run.finish()
    wait_for_end(pid)
    return Killed(run, printed, kills=1)


def test_killed_senders_lose_nothing(tmp_path: Path) -> None:
    """Runs whose senders are killed at random lose nothing, and repeat at most one batch a kill and signal."""
    ports = free_ports()
    with local_collector(tmp_path / "collector", ports) as out, ThreadPoolExecutor(AT_ONCE) as pool:
        rounds = range((KILLS + 1) // 2)
        killed = list(pool.map(lambda number: kill_its_senders(tmp_path, ports, number), rounds))
    arrivals = Arrivals(out)
    for each in killed:
        found = arrivals.of_runs(each.run_ids)
        assert_same(found, each.run.lines())
        assert segments(each.run.work_dir) == []
        instance = found.points[0].resource["service.instance.id"]
        repeats = {signal: count for (who, signal), count in arrivals.repeats.items() if who == instance}
        assert all(count <= each.kills for count in repeats.values()), repeats


def test_killed_training_loses_nothing(tmp_path: Path) -> None:
    """What a killed process had printed is all there, once, and each span that it began has an end."""
    ports = free_ports()
    with local_collector(tmp_path / "collector", ports) as out, ThreadPoolExecutor(AT_ONCE) as pool:
        killed = list(pool.map(lambda number: kill_its_training(tmp_path, ports, number), range(KILLS)))
    arrivals = Arrivals(out)
    assert arrivals.repeats == Counter()
    for each in killed:
        found = arrivals.of_runs(each.run_ids)
        lines = each.run.lines()
        bodies = Counter(log.body for log in found.logs)
        assert len(each.printed) > 1
        assert Counter(printed_events(each.printed)) <= bodies
        assert points_of(lines) <= points_in(found)
        assert logs_of(lines) <= logs_in(found)
        assert_spans_are_whole(found)
        synthesized = {span.name for span in found.spans if span.attributes.get("mmlog.span.synthesized")}
        assert "mmlog.run" in synthesized
        assert {span.name for span in found.spans} >= {"mmlog.run", "mmlog.train", "mmlog.epoch"}
        assert segments(each.run.work_dir) == []
