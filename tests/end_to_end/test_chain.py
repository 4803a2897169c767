"""A run, an agent, a gateway with TLS and token, and real stores: what was written is there, whatever is killed.

MMLOG_TESTS_AWAY_S says for how many seconds each of them is away (20 at most: a query of Loki has 5,000 lines).
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.chain import Chain, chain
from tests.end_to_end.digits_runs import json_lines, run_digits
from tests.end_to_end.sent_journals import send, write_journal
from tests.end_to_end.servers import wait_until
from tests.end_to_end.steady_runs import start_steady
from tests.end_to_end.stored import (
    DAY_S,
    run_id_of,
    samples_of,
    stored_bodies,
    stored_logs,
    stored_samples,
    stored_spans,
)

RANKS = {0: "digits", 1: "digits_rank1"}
ARRIVAL_S = 30.0
AWAY_S = float(os.environ.get("MMLOG_TESTS_AWAY_S", "1.5"))
HOUR_NS = 3600 * 10**9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Everything between a run and its stores."""
    with chain(tmp_path_factory.mktemp("chain")) as everything:
        yield everything


@pytest.fixture(scope="module")
def lines(whole: Chain, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The JSON lines of two ranks of the digits example, whose loss becomes NaN; it sent to the agent."""
    work_dir = tmp_path_factory.mktemp("digits")
    run_digits(work_dir, "--distributed", "--diverge", variables=whole.agent.variables)
    whole.loki_program.wait()
    return [line for stem in RANKS.values() for line in json_lines(work_dir / f"{stem}.jsonl")]


def assert_stored(whole: Chain, lines: list[dict[str, Any]]) -> None:
    """Prometheus has each tag of each record, Loki each line, Jaeger each span that began; each once."""
    run_id, prometheus = run_id_of(lines), whole.store.prometheus
    expected = samples_of(lines)
    assert expected
    wait_until(lambda: stored_samples(prometheus, run_id) == expected, ARRIVAL_S, poll_s=0.5)
    assert stored_samples(prometheus, run_id) == expected
    texts = Counter((line["rank"], line["seq"], line["event"]) for line in lines)
    wait_until(lambda: stored_logs(whole.loki, run_id).lines == texts, ARRIVAL_S, poll_s=0.5)
    logs = stored_logs(whole.loki, run_id)
    assert logs.lines == texts
    assert logs.begun_spans
    wait_until(lambda: stored_spans(whole.jaeger, run_id) == logs.begun_spans, ARRIVAL_S, poll_s=0.5)
    assert stored_spans(whole.jaeger, run_id) == logs.begun_spans


def test_stores_have_what_the_run_wrote(whole: Chain, lines: list[dict[str, Any]]) -> None:
    """Through agent and gateway: values, NaN included, lines and spans are those of both ranks, each once."""
    assert_stored(whole, lines)
    assert any(value == "nan" for _, _, value in samples_of(lines))


def test_labels_are_what_dashboards_know(whole: Chain, lines: list[dict[str, Any]]) -> None:
    """The labels of a series are those of its points, the promoted ones, job and instance; no others."""
    selector = f'mmlog_train_lr{{mmlog_run_id="{run_id_of(lines)}", rank="1"}}'
    assert wait_until(lambda: bool(whole.store.prometheus.query(f"{selector}[1h]")), ARRIVAL_S, poll_s=0.5)
    (series,) = whole.store.prometheus.query(f"{selector}[1h]")
    points = {"rank", "method", "window", "mmlog_run_id", "mmlog_run_attempt"}
    promoted = {"service_name", "host_name", "mmlog_experiment_name", "local_rank", "world_size"}
    assert series["metric"].keys() == {"__name__", "job", "instance"} | points | promoted


def test_loki_has_one_stream_a_run(whole: Chain, lines: list[dict[str, Any]]) -> None:
    """Ranks are told apart within a stream, not by streams of their own."""
    run_id = run_id_of(lines)
    assert wait_until(lambda: stored_logs(whole.loki, run_id).ranks == set(RANKS), ARRIVAL_S, poll_s=0.5)
    assert stored_logs(whole.loki, run_id).streams == [{"mmlog_run_id": run_id, "service_name": "digits"}]


def test_the_machine_and_the_collectors_tell_of_themselves(whole: Chain) -> None:
    """The machine's metrics bear its name, and queues and failures of agent and gateway are in Prometheus."""
    queries = (
        'system_memory_utilization_ratio{host_name="machine-7", job="mmlog-agent", state="used"}',
        'otelcol_exporter_queue_size{job="mmlog-agent", data_type="metrics", exporter="otlp/gateway"}',
        'otelcol_exporter_queue_capacity{job="mmlog-gateway", exporter="otlphttp/loki"}',
        'otelcol_exporter_send_failed_metric_points_total{job="mmlog-gateway", exporter="otlphttp/prometheus"}',
    )
    missing = set(queries)

    def all_there() -> bool:
        missing.difference_update(each for each in queries if whole.store.prometheus.query(each))
        return not missing

    assert wait_until(all_there, 40, poll_s=0.5), missing


def test_kills_and_outages_cost_nothing(whole: Chain, tmp_path: Path) -> None:
    """Agent and gateway killed, and Prometheus away, while a run goes on: everything is stored, once."""
    run = start_steady(tmp_path, 4 * AWAY_S + 5, whole.agent.variables)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run.finish)  # reads what it prints: a full pipe would stop it
        assert wait_until(lambda: len(run.lines()) > 50, 30)
        for program, number in (
            (whole.agent.program, signal.SIGKILL),
            (whole.gateway.program, signal.SIGKILL),
            (whole.store.program, signal.SIGTERM),
        ):
            written = len(run.lines())
            program.end(number)
            time.sleep(AWAY_S)
            assert len(run.lines()) > written + 20
            program.restart()
        assert not ended.done()
        ended.result()
    whole.loki_program.wait()
    left = run.send()
    assert left.returncode == 0, left.stderr
    assert_stored(whole, run.lines())


def test_what_comes_twenty_hours_late_is_stored(whole: Chain, tmp_path: Path) -> None:
    """Old points and lines of a machine that was away are stored beside the new ones of the same series and stream."""
    whole.loki_program.wait()
    now_ns = time.time_ns() - 10**9  # a query sees nothing of the future
    ages_h = (0, 20, 5)
    for number, age_h in enumerate(ages_h):
        folder = write_journal(
            tmp_path / str(number), [now_ns - age_h * HOUR_NS], service="late", tags={"loss": float(age_h)}
        )
        summary, _ = send(whole.agent.variables["OTEL_EXPORTER_OTLP_ENDPOINT"], folder)
        assert summary.status.finished
        time.sleep(1.5)  # else they are stored in one go

    def stored() -> tuple[list[str], int]:
        series = whole.store.prometheus.query(f'mmlog_train_loss{{job="late"}}[{DAY_S}s]')
        values = [value for each in series for _, value in each["values"]]
        return values, len(stored_bodies(whole.loki, '{service_name="late"}'))

    wait_until(lambda: stored() == (["20", "5", "0"], 3), ARRIVAL_S, poll_s=0.5)
    assert stored() == (["20", "5", "0"], 3)


def test_endless_line_is_cut_not_refused(whole: Chain) -> None:
    """Loki takes a line above its limit, and what comes with it, and keeps its beginning."""
    whole.loki_program.wait()
    assert whole.loki.fill(300_000) == 204
    (body,) = stored_bodies(whole.loki, '{service_name="filler"}')
    assert len(body) == 256 * 1024
