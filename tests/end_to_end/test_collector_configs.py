"""Each configuration that users copy, on real servers: it starts as it is and does what its first lines say."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.chain import CONFIGS, TOKEN, Gateway, agent, running
from tests.end_to_end.gateways import gateway_to_file, points, taken
from tests.end_to_end.sent_journals import send, write_journal
from tests.end_to_end.servers import program, wait_until

SETS = (
    ("local.yaml",),
    ("local.yaml", "stores.yaml"),
    ("agent.yaml",),
    ("agent.yaml", "gateways.yaml"),
    ("gateway.yaml",),
    ("offline.yaml",),
    ("offline.yaml", "stores.yaml"),
)
COMPOSE = CONFIGS / "docker-compose.yaml"
HOUR_NS = 3600 * 10**9


def validated(*configs: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What the Collector says of configurations."""
    arguments = [each for name in configs for each in ("--config", str(CONFIGS / name))]
    return subprocess.run(
        [program("otelcol"), "validate", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def post(url: str, body: Any, token: str | None, authority: Path | None) -> int:
    """Post JSON; returns the HTTP status, or 0 if there was no connection that both sides trust."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    trust = ssl.create_default_context(cafile=str(authority) if authority else None)
    try:
        with urllib.request.urlopen(request, timeout=60, context=trust) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return 0


def log_request(body: str) -> Any:
    """An OTLP request of one log record."""
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": body}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def span_request(name: str) -> Any:
    """An OTLP request of one span."""
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": name, "kind": 1}
    moment = str(time.time_ns())
    span |= {"startTimeUnixNano": moment, "endTimeUnixNano": moment}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


@pytest.mark.parametrize("configs", SETS, ids=" + ".join)
def test_every_configuration_is_valid_with_its_defaults(configs: tuple[str, ...]) -> None:
    """A token is all that any of them needs, and it is needed where telemetry crosses machines."""
    with_token, without = validated(*configs, MMLOG_GATEWAY_TOKEN=TOKEN), validated(*configs)
    assert with_token.returncode == 0, with_token.stderr
    needs_token = {"agent.yaml", "gateway.yaml"} & set(configs)
    assert (without.returncode != 0) == bool(needs_token)
    assert ("no bearer token provided" in without.stderr) == bool(needs_token)


def test_every_file_is_among_them_and_says_how_it_starts() -> None:
    """The first lines of each Collector configuration say what it is for, with a command that names it."""
    names = {path.name for path in CONFIGS.glob("*.yaml")} - {"docker-compose.yaml"}
    assert names == {name for configs in SETS for name in configs}
    for name in names:
        head = (CONFIGS / name).read_text().split("\n\n", 1)[0].splitlines()
        assert all(line.startswith("#") for line in head)
        assert any(f"--config collector-config/{name}" in line for line in head)


def test_gateway_lets_in_who_knows_the_token_over_tls(tmp_path: Path) -> None:
    """No token, a wrong one, no TLS, or a certificate that the client cannot check: nothing gets in."""
    with gateway_to_file(tmp_path / "gateway") as front:
        url, plain = f"{front.http}/v1/logs", f"{front.http.replace('https', 'http')}/v1/logs"
        assert post(url, log_request("none"), None, front.authority) == 401
        assert post(url, log_request("wrong"), "wrong", front.authority) == 401
        assert post(url, log_request("empty"), "", front.authority) == 401
        assert post(plain, log_request("plain"), TOKEN, None) == 400
        assert post(url, log_request("unknown"), TOKEN, None) == 0
        assert post(url, log_request("right"), TOKEN, front.authority) == 200
        assert wait_until(lambda: taken(front).items > 0, 10)
        assert [log.body for log in taken(front).logs] == ["right"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MMLOG_GATEWAY_TOKEN": "wrong"}, "Unauthenticated"),
        ({"MMLOG_GATEWAY_CA": ""}, "certificate signed by unknown authority"),
    ],
    ids=["wrong token", "unknown authority"],
)
def test_agent_that_the_gateway_does_not_know_gets_nothing_in(
    tmp_path: Path, variables: Mapping[str, str], words: str
) -> None:
    """An agent with a wrong token, or that does not trust the gateway, says so, and nothing arrives."""
    folder = write_journal(tmp_path / "rank0000", [time.time_ns()])
    with gateway_to_file(tmp_path / "gateway") as front:
        behind = agent(tmp_path / "agent", front, variables)
        with running(behind.program):
            summary, _ = send(behind.variables["OTEL_EXPORTER_OTLP_ENDPOINT"], folder)
            assert summary.status.delivered == {"metrics": 1, "logs": 1, "traces": 1}
            assert wait_until(lambda: words in behind.program.log.read_text(), 15)
        assert taken(front).items == 0


@pytest.mark.parametrize(
    ("variables", "names"),
    [({}, ["mmlog.train"]), ({"MMLOG_GATEWAY_REGISTRY": "keep"}, ["mmlog.train", "mmlog.registry.build"])],
    ids=["by default", "kept"],
)
def test_gateway_leaves_out_the_registries(
    tmp_path: Path, variables: Mapping[str, str], names: list[str]
) -> None:
    """What registries did at DEBUG is let in where it is asked for."""
    events = {"mmlog.registry.get": "event.name", "mmlog.registry.build": "mmlog.span.name"}
    with gateway_to_file(tmp_path / "gateway", variables) as front:
        for event, key in events.items():
            request = log_request(event)
            (record,) = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
            record["attributes"] = [{"key": key, "value": {"stringValue": event}}]
            assert post(f"{front.http}/v1/logs", request, TOKEN, front.authority) == 200
        for name in ("mmlog.registry.build", "mmlog.train"):
            assert post(f"{front.http}/v1/traces", span_request(name), TOKEN, front.authority) == 200
        assert wait_until(lambda: len(taken(front).spans) == len(names), 10)
        assert {span.name for span in taken(front).spans} == set(names)
        assert [log.body for log in taken(front).logs] == (list(events) if variables else [])


def test_gateway_keeps_to_its_limits(tmp_path: Path) -> None:
    """Services and ranks that it does not serve, points that cost their neighbours, and labels above 24 stay out."""
    variables = {"MMLOG_GATEWAY_SERVICES": "team-.*", "MMLOG_GATEWAY_MAX_RANKS": "3"}
    now_ns = time.time_ns()
    with gateway_to_file(tmp_path / "gateway", variables) as front:
        cases = [
            ("team-a", 2, now_ns),
            ("team-a", 3, now_ns),
            ("other", 2, now_ns),
            ("team-a", 2, now_ns - 24 * HOUR_NS),
        ]
        for value, (service, rank, time_ns) in enumerate(cases):
            request = point_request(service, rank, time_ns, value)
            assert post(f"{front.http}/v1/metrics", request, TOKEN, front.authority) == 200
        wait_until(lambda: taken(front).items > 0, 10)
        (point,) = taken(front).points
        assert (point.value, len(point.attributes), point.attributes["rank"]) == (0.0, 24, 2)


def point_request(service: str, rank: int, time_ns: int, value: float) -> Any:
    """An OTLP request of one point with forty labels."""
    labels = [{"key": f"label{number}", "value": {"stringValue": "x"}} for number in range(39)]
    point = {"timeUnixNano": str(time_ns), "asDouble": value}
    point |= {"attributes": [*labels, {"key": "rank", "value": {"intValue": str(rank)}}]}
    metric = {"name": "mmlog.train.loss", "gauge": {"dataPoints": [point]}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}


def test_a_backlog_of_long_lines_fits_the_gateway(tmp_path: Path) -> None:
    """Tens of megabytes that waited in an agent leave in requests that the gateway takes."""

    def numbers(front: Gateway) -> list[int]:
        return [len(points(front)), len(taken(front).logs), len(taken(front).spans)]

    count, now_ns = 100, time.time_ns()
    folder = write_journal(tmp_path / "rank0000", [now_ns + number for number in range(count)], pad=200)
    with gateway_to_file(tmp_path / "gateway") as front:
        behind = agent(tmp_path / "agent", front)
        with running(behind.program):
            front.program.end(signal.SIGKILL)
            summary, _ = send(behind.variables["OTEL_EXPORTER_OTLP_ENDPOINT"], folder)
            assert summary.status.finished
            behind.program.end(signal.SIGKILL)
            front.program.restart()
            behind.program.restart()
            wait_until(lambda: all(each >= count for each in numbers(front)), 20)
            assert "Dropping data" not in behind.program.log.read_text()
    assert sorted(points(front)) == [("exp", value) for value in range(count)]
    assert numbers(front) == [count] * 3


def said_by(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What a checker says; the test is skipped where it is not installed."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed: pip install {name}")
    return subprocess.run([str(path), *arguments], capture_output=True, text=True, check=False)


def test_compose_file_follows_its_schema() -> None:
    """The compose file has no word that compose does not know."""
    said = said_by("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    assert said.returncode == 0, said.stdout


def test_compose_file_is_closed_and_pinned() -> None:
    """Images have versions, ports are this machine's alone, the password is asked for, and every mount exists."""
    text = COMPOSE.read_text()
    images, ports = re.findall(r"image: (\S+)", text), re.findall(r'"([\d.:]+:\d+)"', text)
    assert len(images) == text.count("restart: unless-stopped")
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in images)
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(ports) == 6
    assert "GF_SECURITY_ADMIN_PASSWORD: ${GRAFANA_PASSWORD:?" in text
    assert all((CONFIGS / path).exists() for path in re.findall(r"- \./([^:]+):", text))


@pytest.mark.parametrize("path", sorted((CONFIGS / "kubernetes").glob("*.yaml")), ids=lambda path: path.stem)
def test_kubernetes_files_follow_their_schemas(path: Path) -> None:
    """Each object is one that Kubernetes takes, without a word that it does not know."""
    said = said_by("kubernetes-validate", "--strict", str(path))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "passed" in said.stdout + said.stderr


def test_prometheus_takes_its_configuration() -> None:
    """Prometheus' own tool finds nothing wrong with the configuration and the rules that it names."""
    command = [program("promtool"), "check", "config", str(CONFIGS / "prometheus" / "prometheus.yaml")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
