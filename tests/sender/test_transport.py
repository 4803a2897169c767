"""What a process that sends has to load, and what it leaves behind."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import otel_mmlog
from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver
from tests.sender.transports import PROTOCOLS, some_lines, transports, variables

ROOT = Path(otel_mmlog.__file__).parents[1]
SEND = """
import os, sys
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.transport import make_transports
made = make_transports(read_endpoints(os.environ))
line = sys.stdin.buffer.readline()
print(made["logs"].send("logs", [line]).kind)
print(*(name for name in ("numpy", "torch", "structlog", "grpc", "requests", "google.protobuf") if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("protocol", "loaded"),
    [
        ("http/json", ""),
        ("http/protobuf", "google.protobuf"),
        ("grpc", "grpc google.protobuf"),
    ],
)
def test_a_protocol_loads_what_it_needs(protocol: Protocol, loaded: str) -> None:
    """Plain HTTP loads no requests, JSON no protobuf, nothing but gRPC loads gRPC, and nothing loads numpy."""
    with FakeReceiver() as receiver:
        done = subprocess.run(
            [sys.executable, "-c", SEND],
            input=some_lines()["logs"][0],
            env={**os.environ, **variables(receiver, protocol)},
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode().splitlines() == ["delivered", loaded]
        assert [log.body for log in receiver.logs()] == ["first"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_connected_before_the_first_request(protocol: Protocol) -> None:
    """Making transports opens no connection and starts no thread."""
    with FakeReceiver() as receiver:
        environ = variables(receiver, protocol)
        threads = threading.active_count()
        with transports(environ) as made:
            assert set(made) == {"metrics", "logs", "traces"}
            assert threading.active_count() == threads
            assert receiver.connections == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_signals_send_at_the_same_time(protocol: Protocol) -> None:
    """One signal's server that is slow does not hold up another signal in another thread."""
    with FakeReceiver() as receiver, transports(variables(receiver, protocol)) as made:
        receiver.answer(503, signal="logs", delay_s=30)
        lines = some_lines()
        waiting = threading.Thread(target=made["logs"].send, args=("logs", lines["logs"]))
        waiting.start()
        for _ in range(20):
            assert made["metrics"].send("metrics", lines["metrics"]).kind == "delivered"
        assert waiting.is_alive()
        receiver.close()
        waiting.join(10)
        assert not waiting.is_alive()
