"""Real Prometheus, Loki and Jaeger: too-old points, NaN, names, and a signal that is refused while others go on."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import otel_mmlog
from otel_mmlog.sender.drain import Summary
from tests.end_to_end.backends import Loki, Prometheus, jaeger, loki, prometheus
from tests.end_to_end.sent_journals import Counted, quarantined, segments, write_journal
from tests.end_to_end.sent_journals import send as send_journals
from tests.end_to_end.servers import wait_until

SECOND_NS = 10**9
LIMITS = {"ingestion_rate_mb": 0.004, "ingestion_burst_size_mb": 0.06}


@pytest.fixture
def metrics_store(tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that takes nothing older than the newest sample of its series."""
    with prometheus(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def logs_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loki]:
    """A Loki that takes 4 kB a second, and 60 kB at once."""
    with loki(tmp_path_factory.mktemp("loki"), LIMITS) as server:
        yield server


def send(server: Prometheus, *folders: Path) -> tuple[Summary, Counted]:
    """Send the metrics of journals to Prometheus."""
    return send_journals("", *folders, METRICS_ENDPOINT=server.endpoint)


def values(server: Prometheus) -> list[float]:
    """All values of the loss, oldest first."""
    return [float(value) for _, value in server.samples("mmlog_train_loss")]


def test_only_too_old_points_are_set_aside(metrics_store: Prometheus, tmp_path: Path) -> None:
    """Three too-old lines among forty new ones: these arrive, those are kept with Prometheus' words."""
    now_ns = time.time_ns() - SECOND_NS  # a query sees nothing of the future
    new = [now_ns + number * SECOND_NS // 100 for number in range(40)]
    old = [now_ns - 50 * SECOND_NS + number for number in range(3)]
    first = write_journal(tmp_path / "a", [now_ns - 40 * SECOND_NS])
    send(metrics_store, first)
    folder = write_journal(tmp_path / "b", [*new[:20], *old, *new[20:]])
    summary, counted = send(metrics_store, folder)
    assert len(counted.kinds["metrics"]) <= 20
    set_aside = list(quarantined(folder))
    assert all("HTTP 400 Bad Request: out of order sample" in reason for _, reason in set_aside)
    assert [f'"asDouble":{number}.0' in line for number, (line, _) in enumerate(set_aside, 20)] == [True] * 3
    assert summary.status.delivered == {"metrics": 40}
    assert summary.status.quarantined == {"metrics": 3}
    assert values(metrics_store) == [0.0, *range(20), *range(23, 43)]


def test_journal_of_too_old_points_is_set_aside_once_others_arrived(
    metrics_store: Prometheus, tmp_path: Path
) -> None:
    """A journal of which nothing is taken ends in quarantine, since Prometheus takes again what it took last."""
    now_ns = time.time_ns() - SECOND_NS  # a query sees nothing of the future
    live = write_journal(tmp_path / "live", [now_ns + number * SECOND_NS // 100 for number in range(20)])
    old = write_journal(tmp_path / "old", [now_ns - 7200 * SECOND_NS + number for number in range(4)])
    summary, _ = send(metrics_store, live, old)
    assert summary.status.finished
    assert summary.status.quarantined == {"metrics": 4}
    assert values(metrics_store) == list(range(20))


def test_server_that_takes_nothing_leaves_the_journal_whole(
    metrics_store: Prometheus, tmp_path: Path
) -> None:
    """Points that are too old, and nothing else to send: a pause, and every line stays in the journal."""
    now_ns = time.time_ns() - SECOND_NS  # a query sees nothing of the future
    send(metrics_store, write_journal(tmp_path / "live", [now_ns]))
    folder = write_journal(tmp_path / "old", [now_ns - 7200 * SECOND_NS + number for number in range(4)])
    began_s = time.monotonic()
    summary, _ = send(metrics_store, folder)
    assert time.monotonic() - began_s < 5
    assert not summary.status.finished
    assert summary.status.troubles["metrics"].kind == "paused"
    assert "out of" in summary.status.troubles["metrics"].detail
    assert segments(folder)
    assert not list(quarantined(folder))


def test_names_and_values_in_prometheus(metrics_store: Prometheus, tmp_path: Path) -> None:
    """Units are in the names, a NaN is found by ``x != x``, and infinities are what they are."""
    now_ns = time.time_ns() - SECOND_NS  # a query sees nothing of the future
    tags = [{"loss": math.nan, "time": 0.25, "acc/top1": math.inf, "eta": -math.inf}]
    folder = write_journal(tmp_path / "a", [now_ns], tags=tags[0])
    summary, _ = send(metrics_store, folder)
    assert summary.status.finished
    (nan,) = metrics_store.query("mmlog_train_loss != mmlog_train_loss")
    assert nan["value"][1] == "NaN"
    assert nan["metric"]["rank"] == "3"
    assert [each["value"][1] for each in metrics_store.query("mmlog_train_time_seconds")] == ["0.25"]
    assert {"mmlog_train_loss", "mmlog_train_time_seconds", "mmlog_train_acc_top1"} <= metrics_store.names()


def test_refused_logs_hold_neither_metrics_nor_traces(
    metrics_store: Prometheus, logs_store: Loki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run, three servers: while Loki answers 429, points and spans arrive; then the logs do, each once."""
    count = 20
    with jaeger(tmp_path) as traces_store:
        endpoints = {
            "METRICS": metrics_store.endpoint,
            "LOGS": logs_store.endpoint,
            "TRACES": traces_store.endpoint,
        }
        for signal, endpoint in endpoints.items():
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "3")
        assert wait_until(lambda: logs_store.fill(60_000) == 204, 40, poll_s=1.0)
        assert wait_until(lambda: logs_store.fill(5_000) == 429, 10)
        with otel_mmlog.init("three", work_dir=tmp_path / "work", console=False) as run:
            for _ in run.epochs(2):
                for number in run.train(range(10)):
                    run.log(loss=float(number))
                    run.logger.info(f"step {'x' * 1000}")
            assert not run.flush(3.0)
            samples = metrics_store.samples("mmlog_train_loss")
            assert [value for _, value in samples] == ["4.5"] * 2
            spans = traces_store.span_names("three")
            assert {"mmlog.train", "mmlog.epoch"} <= set(spans)
            assert sum(body.startswith("step") for body in logs_store.bodies("three")) < count
        folder = tmp_path / "work" / "otlp" / "rank0000"
        wait_until(lambda: not segments(folder), 40)
        words = (folder / "sender.log").read_text()
    assert not segments(folder)
    assert not list(quarantined(folder))
    assert "logs: HTTP 429 Too Many Requests: ingestion rate limit exceeded" in words
    assert "metrics:" not in words
    assert "traces:" not in words
    assert sum(body.startswith("step") for body in logs_store.bodies("three")) == count
