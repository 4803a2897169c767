"""The whole way of a run's telemetry, with the configurations that users copy: agent, gateway, stores; all real."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.backends import Jaeger, Loki, Prometheus, answers, jaeger
from tests.end_to_end.servers import READY, START_TIMEOUT_S, free_port, program, wait_until
from tests.sender.certificates import Authority

CONFIGS = Path(__file__).parents[2] / "collector-config"
TOKEN = "token-c0ffee"


@dataclass(slots=True)
class Program:
    """A server that can be killed and come back at the same ports and data.

    Attributes:
        command: The server.
        folder: Its working directory.
        is_ready: Whether it serves; gets what its present life has logged.
        variables: Added to its environment.
        lives: How often it was started.
    """

    command: list[str]
    folder: Path
    is_ready: Callable[[str], bool]
    variables: Mapping[str, str] = field(default_factory=dict)
    lives: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """What its present life has written to stdout and stderr."""
        return self.folder / f"{Path(self.command[0]).name}.{self.lives}.log"

    @property
    def pid(self) -> int:
        """Of its present life, or its last; 0 before the first."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start a life of it, and do not wait."""
        self.folder.mkdir(exist_ok=True)
        self.lives += 1
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        """Wait until it serves; the test fails if it does not."""
        process = self._process
        assert process is not None
        wait_until(lambda: process.poll() is not None or self.is_ready(self.log.read_text()), START_TIMEOUT_S)
        if process.poll() is not None or not self.is_ready(self.log.read_text()):
            pytest.fail(f"{self.log.name} did not start:\n{self.log.read_text()[-4000:]}")

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it with a signal; after 15 s without a sign of its end it is killed."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Begin its next life, and wait until it serves."""
        self.start()
        self.wait()


@dataclass(frozen=True, slots=True)
class Store:
    """A program and how to ask it."""

    program: Program
    prometheus: Prometheus


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway in front of stores.

    Attributes:
        program: The Collector.
        authority: The PEM file that its clients need.
        grpc: Where agents send to, ``host:port``.
        http: Where senders without an agent send to, a URL.
    """

    program: Program
    authority: Path
    grpc: str
    http: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, and the environment of a run that sends to it."""

    program: Program
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Everything from a run's endpoint to its stores; Loki, which takes 15 s to start, may still be doing so."""

    agent: Agent
    gateway: Gateway
    store: Store
    loki_program: Program
    loki: Loki
    jaeger: Jaeger


def collector(folder: Path, variables: Mapping[str, str], *configs: str) -> Program:
    """A Collector with some of the users' configurations; not started."""
    paths = [argument for name in configs for argument in ("--config", str(CONFIGS / name))]
    return Program([program("otelcol"), *paths], folder, lambda log: READY in log, variables)


def prometheus_store(folder: Path) -> Store:
    """A Prometheus with the users' configuration; not started."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        program("prometheus"),
        f"--config.file={CONFIGS / 'prometheus' / 'prometheus.yaml'}",
        "--storage.tsdb.path=tsdb",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-otlp-receiver",
    ]
    return Store(Program(command, folder, lambda _: answers(f"{url}/-/ready")), Prometheus(url))


def loki_store(folder: Path) -> tuple[Program, Loki]:
    """A Loki with the users' configuration; not started."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    variables = {"MMLOG_LOKI_PORT": str(port), "MMLOG_LOKI_GRPC_PORT": str(free_port())}
    command = [program("loki"), "-config.expand-env=true", f"-config.file={CONFIGS / 'loki' / 'loki.yaml'}"]
    return Program(command, folder, lambda _: answers(f"{url}/ready"), variables), Loki(url)


def gateway(folder: Path, variables: Mapping[str, str]) -> Gateway:
    """A gateway with a certificate of its own; not started.

    Args:
        folder: Everything of it goes there.
        variables: The stores, and whatever else is not as by default.
    """
    folder.mkdir()
    authority = Authority(folder, "authority")
    pair = authority.issue("gateway")
    grpc, http = free_port(), free_port()
    defaults = {
        "MMLOG_GATEWAY_LISTEN": "127.0.0.1",
        "MMLOG_GATEWAY_GRPC_PORT": str(grpc),
        "MMLOG_GATEWAY_HTTP_PORT": str(http),
        "MMLOG_GATEWAY_HEALTH": f"127.0.0.1:{free_port()}",
        "MMLOG_GATEWAY_CERT": str(pair.certificate),
        "MMLOG_GATEWAY_KEY": str(pair.key),
        "MMLOG_GATEWAY_TOKEN": TOKEN,
    }
    server = collector(folder, {**defaults, **variables}, "gateway.yaml")
    return Gateway(server, authority.certificate, f"localhost:{grpc}", f"https://localhost:{http}")


def agent(
    folder: Path, behind: Gateway, variables: Mapping[str, str] | None = None, *more_configs: str
) -> Agent:
    """An agent that sends to a gateway; not started."""
    grpc, http = free_port(), free_port()
    defaults = {
        "MMLOG_AGENT_GRPC_PORT": str(grpc),
        "MMLOG_AGENT_HTTP_PORT": str(http),
        "MMLOG_AGENT_HOST": "machine-7",
        "MMLOG_AGENT_HOST_INTERVAL": "2s",
        "MMLOG_GATEWAY": behind.grpc,
        "MMLOG_GATEWAY_CA": str(behind.authority),
        "MMLOG_GATEWAY_TOKEN": TOKEN,
    }
    server = collector(folder, {**defaults, **(variables or {})}, "agent.yaml", *more_configs)
    return Agent(server, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{http}"})


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    """Start programs all at once, and kill them in the end."""
    with ExitStack() as stack:
        for each in programs:
            stack.callback(each.end, signal.SIGKILL)
            each.start()
        for each in programs:
            each.wait()
        yield


@contextmanager
def chain(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Chain]:
    """The whole way, ready but for Loki.

    Args:
        folder: Everything of it goes there.
        variables: Of the gateway, where they are not as by default.
    """
    store = prometheus_store(folder / "prometheus")
    loki_program, loki = loki_store(folder / "loki")
    with jaeger(folder) as traces:
        stores = {
            "MMLOG_PROMETHEUS_URL": store.prometheus.url,
            "MMLOG_LOKI_URL": loki.url,
            "MMLOG_TRACES_URL": traces.endpoint.removesuffix("/v1/traces"),
        }
        front = gateway(folder / "gateway", {**stores, **(variables or {})})
        first = agent(folder / "agent", front)
        try:
            loki_program.start()
            with running(store.program, front.program, first.program):
                yield Chain(first, front, store, loki_program, loki, traces)
        finally:
            loki_program.end(signal.SIGKILL)
