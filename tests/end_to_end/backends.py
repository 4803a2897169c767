"""Real Prometheus, Loki and Jaeger for tests, and what they say that they hold."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.end_to_end.servers import START_TIMEOUT_S, Server, free_port, program, wait_until

_LOKI = """
auth_enabled: false
analytics: {{reporting_enabled: false}}
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {port}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc_port}
  log_level: warn
common:
  instance_addr: 127.0.0.1
  ring: {{kvstore: {{store: inmemory}}}}
  replication_factor: 1
  path_prefix: {folder}
  storage: {{filesystem: {{chunks_directory: {folder}/chunks, rules_directory: {folder}/rules}}}}
ingester: {{lifecycler: {{min_ready_duration: 0s}}}}
schema_config:
  configs:
    - {{from: 2020-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: i_, period: 24h}}}}
limits_config: {limits}
"""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that takes OTLP.

    Attributes:
        url: Of the server; OTLP goes to `endpoint`.
    """

    url: str

    @property
    def endpoint(self) -> str:
        """Where metrics are posted."""
        return f"{self.url}/api/v1/otlp/v1/metrics"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query: vectors for a name, all samples for ``name[1h]``."""
        found = get_json(f"{self.url}/api/v1/query", query=expression)
        return list(found["data"]["result"])

    def samples(self, name: str) -> list[tuple[float, str]]:
        """Time in seconds and value as text of each sample of a metric in the last day, in their order."""
        series = self.query(f"{name}[1d]")
        return sorted((float(moment), value) for each in series for moment, value in each["values"])

    def names(self) -> set[str]:
        """The names of all metrics."""
        return set(get_json(f"{self.url}/api/v1/label/__name__/values")["data"])


@dataclass(frozen=True, slots=True)
class Loki:
    """A Loki that takes OTLP at `endpoint`."""

    url: str

    @property
    def endpoint(self) -> str:
        """Where logs are posted."""
        return f"{self.url}/otlp/v1/logs"

    def bodies(self, service: str) -> list[str]:
        """The lines of a service in the last hour, oldest first."""
        found = get_json(
            f"{self.url}/loki/api/v1/query_range",
            query=f'{{service_name="{service}"}}',
            start=str(time.time_ns() - 3600 * 10**9),
            limit="5000",
            direction="forward",
        )
        values = [value for stream in found["data"]["result"] for value in stream["values"]]
        return [body for _, body in sorted(values)]

    def fill(self, size_bytes: int) -> int:
        """Push a line of another service, which counts against the rate limit too; returns the HTTP status."""
        service = {"key": "service.name", "value": {"stringValue": "filler"}}
        record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": "x" * size_bytes}}
        resource = {"resource": {"attributes": [service]}, "scopeLogs": [{"logRecords": [record]}]}
        return post_json(self.endpoint, {"resourceLogs": [resource]})


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A Jaeger that takes OTLP over HTTP at `endpoint`."""

    url: str
    endpoint: str

    def span_names(self, service: str) -> list[str]:
        """The names of all spans of a service."""
        found = get_json(f"{self.url}/api/traces", service=service, limit="100")
        return [span["operationName"] for trace in found["data"] for span in trace["spans"]]


@contextmanager
def prometheus(folder: Path, *, out_of_order_window: str = "0s") -> Iterator[Prometheus]:
    """A Prometheus with OTLP receiver, in a folder.

    Args:
        folder: Its data, configuration and log go there.
        out_of_order_window: How much older than the newest of its series a sample may be.
    """
    url = f"http://127.0.0.1:{free_port()}"
    config = folder / "prometheus.yaml"
    config.write_text(f"storage: {{tsdb: {{out_of_order_time_window: {out_of_order_window}}}}}\n")
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-otlp-receiver",
    ]
    with _running(command, folder / "prometheus.log", lambda: answers(f"{url}/-/ready")):
        yield Prometheus(url)


@contextmanager
def loki(folder: Path, limits: Mapping[str, Any] | None = None) -> Iterator[Loki]:
    """A Loki with its store in a folder.

    Args:
        folder: Its data, configuration and log go there.
        limits: Its ``limits_config``.
    """
    port = free_port()
    config = folder / "loki.yaml"
    text = _LOKI.format(
        port=port, grpc_port=free_port(), folder=folder / "loki", limits=json.dumps(limits or {})
    )
    config.write_text(text)
    url = f"http://127.0.0.1:{port}"
    command = [program("loki"), f"-config.file={config}"]
    with _running(command, folder / "loki.log", lambda: answers(f"{url}/ready")):
        yield Loki(url)


@contextmanager
def jaeger(folder: Path) -> Iterator[Jaeger]:
    """A Jaeger that keeps its spans in memory; its log goes to a folder."""
    url, http = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    variables = {
        "COLLECTOR_OTLP_HTTP_HOST_PORT": http.removeprefix("http://"),
        "COLLECTOR_OTLP_GRPC_HOST_PORT": f"127.0.0.1:{free_port()}",
    }
    command = [
        program("jaeger"),
        f"--query.http-server.host-port={url.removeprefix('http://')}",
        *(
            f"--{each}=127.0.0.1:{free_port()}"
            for each in (
                "query.grpc-server.host-port",
                "admin.http.host-port",
                "collector.http-server.host-port",
                "collector.grpc-server.host-port",
            )
        ),
    ]
    with _running(command, folder / "jaeger.log", lambda: answers(f"{url}/api/services"), variables):
        yield Jaeger(url, f"{http}/v1/traces")


def answers(url: str) -> bool:
    """Whether a server answers with a success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def get_json(url: str, **query: str) -> Any:
    """The JSON that a server answers with."""
    with urllib.request.urlopen(f"{url}?{urlencode(query)}", timeout=60) as answer:
        return json.load(answer)


def post_json(url: str, body: Any) -> int:
    """Post JSON, which may be encoded already; returns the HTTP status."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@contextmanager
def _running(
    command: list[str], log: Path, is_ready: Callable[[], bool], variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **(variables or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, log)
    try:
        wait_until(lambda: process.poll() is not None or is_ready(), START_TIMEOUT_S, poll_s=0.1)
        if process.poll() is not None or not is_ready():
            pytest.fail(f"{log.stem} did not start:\n{log.read_text()[-4000:]}")
        yield server
    finally:
        server.stop()
