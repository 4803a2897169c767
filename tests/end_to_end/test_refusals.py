"""Real servers that refuse: a Collector that is full, that limits requests and that wants a token."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import otel_mmlog
from otel_mmlog.sender.drain import Summary
from tests.end_to_end.otlp_files import Telemetry, read_otlp
from tests.end_to_end.sent_journals import Counted, quarantined, segments, send, write_journal
from tests.end_to_end.servers import free_port, otelcol, wait_until

PROTOCOLS = ("http/json", "http/protobuf", "grpc")
LIMIT_BYTES = 5000
MINUTES_NS = 60 * 10**9
WRONG, RIGHT = "wrong-token-c0ffee", "right-token-c0ffee"

CONFIG = """
receivers:
  otlp/full:
    protocols: {{http: {{endpoint: "{full_http}"}}, grpc: {{endpoint: "{full_grpc}"}}}}
  otlp/limited:
    protocols:
      http: {{endpoint: "{limited_http}", max_request_body_size: {limit}}}
      grpc: {{endpoint: "{limited_grpc}", max_recv_msg_size_mib: 1}}
  otlp/closed:
    protocols:
      http: {{endpoint: "{closed_http}", auth: {{authenticator: bearertokenauth}}}}
      grpc: {{endpoint: "{closed_grpc}", auth: {{authenticator: bearertokenauth}}}}
extensions:
  bearertokenauth: {{token: {token}}}
exporters:
  file: {{path: telemetry.jsonl}}
  otlphttp:
    endpoint: http://{back}
    sending_queue: {{queue_size: 1, num_consumers: 1}}
    retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms, max_elapsed_time: 0}}
service:
  telemetry: {{metrics: {{level: none}}}}
  extensions: [bearertokenauth]
  pipelines:
    metrics: {{receivers: [otlp/limited, otlp/closed], exporters: [file]}}
    logs: {{receivers: [otlp/limited, otlp/closed], exporters: [file]}}
    traces: {{receivers: [otlp/limited, otlp/closed], exporters: [file]}}
    metrics/full: {{receivers: [otlp/full], exporters: [otlphttp]}}
    logs/full: {{receivers: [otlp/full], exporters: [otlphttp]}}
    traces/full: {{receivers: [otlp/full], exporters: [otlphttp]}}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """A Collector with a receiver for each way to refuse.

    Attributes:
        addresses: ``full_http``, ``limited_grpc`` and so on.
        back: Where the Collector would listen that the full one sends to.
        out: The file of what was taken, but for the full one.
    """

    addresses: dict[str, str]
    back: str
    out: Path

    def endpoint(self, name: str, protocol: str) -> str:
        """The URL of a receiver."""
        return f"http://{self.addresses[name + ('_grpc' if protocol == 'grpc' else '_http')]}"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The Collector that refuses."""
    folder = tmp_path_factory.mktemp("front")
    names = [f"{name}_{kind}" for name in ("full", "limited", "closed") for kind in ("http", "grpc")]
    addresses = {name: f"127.0.0.1:{free_port()}" for name in names}
    back = f"127.0.0.1:{free_port()}"
    config = folder / "front.yaml"
    config.write_text(CONFIG.format(**addresses, back=back, limit=LIMIT_BYTES, token=RIGHT))
    with otelcol(config, folder):
        yield Front(addresses, back, folder / "telemetry.jsonl")


def arrived(path: Path, service: str) -> Telemetry:
    """What a Collector took of a service."""
    found = read_otlp(path)
    return Telemetry(
        [point for point in found.points if point.resource["service.name"] == service],
        [log for log in found.logs if log.resource["service.name"] == service],
        [span for span in found.spans if span.resource["service.name"] == service],
    )


def assert_each_once(path: Path, service: str, count: int) -> None:
    """Each point, log record and span that `write_journal` wrote comes to a Collector once."""
    wait_until(lambda: arrived(path, service).items >= 3 * count, 10)
    found, once = arrived(path, service), Counter(range(count))
    assert Counter(point.value for point in found.points) == once
    assert Counter(int(log.body.split()[1]) for log in found.logs) == once
    assert Counter(int(span.name.split()[1]) for span in found.spans) == once


@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_full_queue_only_delays(front: Front, configs: Path, tmp_path: Path, protocol: str) -> None:
    """503 while the Collector's queue is full: each signal is tried again, and all arrives once it drains."""
    count, now_ns = 5, time.time_ns()
    folder = write_journal(
        tmp_path / "rank0000", [now_ns - 10 * MINUTES_NS * age for age in range(count, 0, -1)]
    )
    done: list[tuple[Summary, Counted]] = []
    endpoint = front.endpoint("full", protocol)
    sending = threading.Thread(target=lambda: done.append(send(endpoint, folder, PROTOCOL=protocol)))
    sending.start()
    time.sleep(1.5)
    assert sending.is_alive()
    variables = {
        "MMLOG_COLLECTOR_GRPC": f"127.0.0.1:{free_port()}",
        "MMLOG_COLLECTOR_HTTP": front.back,
    }
    out = tmp_path / "telemetry.jsonl"
    with otelcol(configs / "local.yaml", tmp_path, variables):
        sending.join()
        assert_each_once(out, "exp", count)
    ((summary, counted),) = done
    assert summary.status.finished
    assert all("retry" in kinds for kinds in counted.kinds.values())
    assert {kind for kinds in counted.kinds.values() for kind in kinds} == {"retry", "delivered"}
    assert any("sending queue is full" in detail for detail in counted.details)
    assert not list(quarantined(folder))
    assert not segments(folder)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_body_limit_only_splits(front: Front, tmp_path: Path, protocol: str) -> None:
    """Requests above the Collector's limit go out in parts, of every signal; nothing is set aside."""
    count, pad = (26, 50) if protocol == "grpc" else (60, 1)
    moments = [time.time_ns() + number for number in range(count)]
    folder = write_journal(tmp_path / "rank0000", moments, service=f"split {protocol}", pad=pad)
    summary, counted = send(front.endpoint("limited", protocol), folder, PROTOCOL=protocol)
    assert not list(quarantined(folder))
    assert summary.status.finished
    assert all("split" in kinds for kinds in counted.kinds.values())
    assert_each_once(front.out, f"split {protocol}", count)


def test_line_above_the_limit_costs_only_itself(front: Front, tmp_path: Path) -> None:
    """A single line that is larger than the Collector's limit is set aside with the reason; the others arrive."""
    moments = [time.time_ns() + n for n in range(3)]
    small = write_journal(tmp_path / "rank0000", moments)
    large = write_journal(tmp_path / "rank0001", moments[:1], pad=10)
    summary, _ = send(front.endpoint("limited", "http/json"), small, large)
    assert summary.status.finished
    assert summary.status.delivered == {"metrics": 3, "logs": 3, "traces": 3}
    assert summary.status.quarantined == {"metrics": 1, "logs": 1, "traces": 1}
    assert all("too large" in reason for _, reason in quarantined(large))


@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_wrong_token_pauses_without_repeating_it(
    front: Front,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    protocol: str,
) -> None:
    """401: one error a signal, the token nowhere although the Collector echoes it; with the right one all arrives."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": front.endpoint("closed", protocol),
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{WRONG}",
        "OTEL_MMLOG_CLOSE_TIMEOUT": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    name = protocol.replace("/", "-")
    with otel_mmlog.init(name, work_dir=tmp_path) as run:
        for _ in run.train(range(30)):
            run.log(loss=0.5)
        assert not run.flush(3.0)
    folder = tmp_path / "otlp" / "rank0000"
    by_hand = _send_by_hand(tmp_path)
    assert by_hand.returncode == 1
    words = (folder / "sender.log").read_text()
    printed = "".join(capfd.readouterr())
    said = [words, printed, by_hand.stdout, by_hand.stderr]
    assert not any(WRONG in text for text in (*said, *_texts(tmp_path)))
    assert all("Check OTEL_EXPORTER_OTLP_HEADERS" in text for text in (*words.splitlines(), by_hand.stderr))
    assert len(words.splitlines()) == printed.count("The server does not take") == 3
    left = read_otlp(*segments(folder))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"Authorization=Bearer%20{RIGHT}")
    assert _send_by_hand(tmp_path).returncode == 0
    assert not segments(folder)
    assert not list(quarantined(folder))
    wait_until(lambda: arrived(front.out, name).items >= left.items, 10)
    found = arrived(front.out, name)
    assert (found.points, found.logs, found.spans) == (left.points, left.logs, left.spans)


def _texts(folder: Path) -> Iterator[str]:
    """Every file below a folder."""
    return (path.read_text() for path in folder.rglob("*") if path.is_file())


def _send_by_hand(work_dir: Path) -> "subprocess.CompletedProcess[str]":
    """What a user does about what is left."""
    command = [sys.executable, "-m", "otel_mmlog", "send", str(work_dir), "--patience", "20"]
    return subprocess.run(
        command, capture_output=True, text=True, env=dict(os.environ), timeout=60, check=False
    )
