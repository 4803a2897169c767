"""Ways to the stores besides an agent and its gateway: several gateways, journals that are read, a laptop."""

import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end.backends import jaeger
from tests.end_to_end.chain import TOKEN, Program, agent, collector, prometheus_store, running
from tests.end_to_end.digits_runs import json_lines, run_digits
from tests.end_to_end.gateways import gateway_to_file, points, services, taken
from tests.end_to_end.sent_journals import send, write_journal
from tests.end_to_end.servers import free_port, wait_until
from tests.end_to_end.stored import run_id_of, samples_of, stored_samples, stored_spans

COUNT = 20
RUNS = [f"run{number}" for number in range(8)]


def journals(folder: Path) -> list[Path]:
    """A closed journal of each of some runs."""
    now_ns = time.time_ns()
    times_ns = [now_ns + number for number in range(COUNT)]
    folders = [folder / name / "otlp" / "rank0000" for name in RUNS]
    return [write_journal(each, times_ns, service=name) for name, each in zip(RUNS, folders, strict=True)]


def add_config(program: Program, text: str) -> None:
    """Give a Collector one more configuration."""
    path = program.folder.parent / "more.yaml"
    path.write_text(text)
    program.command.extend(["--config", str(path)])


def test_gateways_are_found_by_name(tmp_path: Path) -> None:
    """With the file for several gateways as it is, an agent finds them by their name and sends all signals."""
    with gateway_to_file(tmp_path / "gateway") as front:
        host, port = front.grpc.split(":")
        variables = {"MMLOG_GATEWAY_HOST": host, "MMLOG_GATEWAY_PORT": port}
        behind = agent(tmp_path / "agent", front, variables, "gateways.yaml")
        folder = write_journal(tmp_path / "rank0000", [time.time_ns()])
        with running(behind.program):
            send(behind.variables["OTEL_EXPORTER_OTLP_ENDPOINT"], folder)
            assert wait_until(lambda: bool(points(front) and taken(front).logs and taken(front).spans), 15)


def test_two_gateways_share_the_runs(tmp_path: Path) -> None:
    """Each run's points come through one gateway; while one is away, and the agent is killed, nothing is lost."""
    with gateway_to_file(tmp_path / "one") as one, gateway_to_file(tmp_path / "two") as two:
        authorities = tmp_path / "authorities.pem"
        authorities.write_text(one.authority.read_text() + two.authority.read_text())
        variables = {"MMLOG_GATEWAY_CA": str(authorities)}
        behind = agent(tmp_path / "agent", one, variables, "gateways.yaml")
        resolver = f"{{resolver: {{dns: null, static: {{hostnames: ['{one.grpc}', '{two.grpc}']}}}}}}"
        add_config(
            behind.program, f"exporters: {{loadbalancing: {resolver}, loadbalancing/metrics: {resolver}}}"
        )
        with running(behind.program):
            two.program.end(signal.SIGKILL)
            send(behind.variables["OTEL_EXPORTER_OTLP_ENDPOINT"], *journals(tmp_path))
            wait_until(lambda: bool(points(one)), 10)
            behind.program.end(signal.SIGKILL)
            behind.program.restart()
            two.program.restart()
            wait_until(lambda: len({*services(one)} | {*services(two)}) == len(RUNS), 20)
            wait_until(lambda: len(set(points(one) + points(two))) == COUNT * len(RUNS), 20)
    assert set(points(one) + points(two)) == {(name, value) for name in RUNS for value in range(COUNT)}
    assert services(one).isdisjoint(services(two))
    assert services(one)
    assert services(two)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_offline_reader_sends_each_journal(tmp_path: Path, ending: signal.Signals) -> None:
    """Journals of many runs reach a gateway: once if the reader ends and comes back, at least once if it is killed."""
    journals(tmp_path / "work_dirs")
    with gateway_to_file(tmp_path / "gateway") as front:
        variables = {
            "OTEL_MMLOG_WORK_DIR": str(tmp_path / "work_dirs" / "*"),
            "MMLOG_OFFLINE_EXPORTER": "otlp/gateway",
            "MMLOG_GATEWAY": front.grpc,
            "MMLOG_GATEWAY_CA": str(front.authority),
            "MMLOG_GATEWAY_TOKEN": TOKEN,
        }
        reader = collector(tmp_path / "reader", variables, "offline.yaml")
        with running(reader):
            time.sleep(0.5)
            reader.end(ending)
            reader.restart()
            expected = {(name, value) for name in RUNS for value in range(COUNT)}
            wait_until(lambda: set(points(front)) == expected, 20)
            wait_until(lambda: len(taken(front).logs) >= COUNT * len(RUNS), 10)
            wait_until(lambda: len(taken(front).spans) >= COUNT * len(RUNS), 10)
    assert set(points(front)) == expected
    found = taken(front)
    assert {log.body for log in found.logs} == {f"line {number}" for number in range(COUNT)}
    if ending == signal.SIGTERM:
        assert len(found.logs) == len(found.spans) == len(points(front)) == COUNT * len(RUNS)


def test_three_commands_fill_the_stores_of_a_laptop(tmp_path: Path) -> None:
    """Prometheus, Jaeger and a Collector, as users start them: metrics and spans arrive although there is no Loki."""
    store = prometheus_store(tmp_path / "prometheus")
    with jaeger(tmp_path) as traces:
        http = free_port()
        variables = {
            "MMLOG_COLLECTOR_GRPC": f"127.0.0.1:{free_port()}",
            "MMLOG_COLLECTOR_HTTP": f"127.0.0.1:{http}",
            "MMLOG_PROMETHEUS_URL": store.prometheus.url,
            "MMLOG_TRACES_URL": traces.endpoint.removesuffix("/v1/traces"),
            "MMLOG_LOKI_URL": f"http://127.0.0.1:{free_port()}",
        }
        laptop = collector(tmp_path / "collector", variables, "local.yaml", "stores.yaml")
        with running(store.program, laptop):
            run_digits(
                tmp_path, ranks=1, variables={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{http}"}
            )
            lines = json_lines(tmp_path / "digits.jsonl")
            run_id, expected = run_id_of(lines), samples_of(lines)
            wait_until(lambda: stored_samples(store.prometheus, run_id) == expected, 20, poll_s=0.5)
            assert stored_samples(store.prometheus, run_id) == expected
            assert wait_until(lambda: bool(stored_spans(traces, run_id)), 10)
