"""OTLP over gRPC against a server on loopback: what is sent, and what each behaviour of a server comes to."""

import socket
import threading
import time

import pytest

from otel_mmlog.sender.types import SIGNALS, Answer, Signal, Transport
from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.servers import free_port
from tests.sender.transports import log_lines, point_lines, some_lines, transports, variables

PREFIX = "OTEL_EXPORTER_OTLP_"
SERVICES = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}


def send_point(made: dict[Signal, Transport]) -> Answer:
    """Send one point."""
    return made["metrics"].send("metrics", point_lines(1.0))


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_lines_arrive_whole(compression: str) -> None:
    """Points (NaN and infinities too), log records and spans, compressed or not, with their headers."""
    with FakeReceiver() as receiver:
        environ = variables(receiver, "grpc", COMPRESSION=compression, HEADERS="X-Scope=a%20b,key-bin=raw")
        with transports(environ) as made:
            for signal, lines in some_lines().items():
                assert made[signal].send(signal, lines) == Answer("delivered")
        assert [str(point.value) for point in receiver.points()] == ["0.5", "nan", "-inf", "3"]
        assert [log.body for log in receiver.logs()] == ["first", "zweiter Ärger\n\t\U0001f525"]
        assert [span.parent_id for span in receiver.spans()] == ["00f067aa0ba902b7"] * 2
        for request in receiver.requests:
            assert request.path == SERVICES[request.signal]
            assert (request.headers["x-scope"], request.headers["key-bin"]) == ("a b", b"raw")
            assert str(request.headers["user-agent"]).startswith("otel-mmlog/")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAVAILABLE", "retry"),
        ("DEADLINE_EXCEEDED", "retry"),
        ("ABORTED", "retry"),
        ("INTERNAL", "retry"),
        ("RESOURCE_EXHAUSTED", "split"),
        ("INVALID_ARGUMENT", "bad"),
        ("UNAUTHENTICATED", "pause"),
        ("PERMISSION_DENIED", "pause"),
        ("UNIMPLEMENTED", "pause"),
    ],
)
def test_codes(code: str, kind: str) -> None:
    """Each code comes with the server's words, and the next request is delivered."""
    with FakeReceiver() as receiver, transports(variables(receiver, "grpc")) as made:
        receiver.answer(grpc_code=code, message="because")
        refused = send_point(made)
        assert refused.kind == kind
        assert refused.detail.startswith(f"gRPC {code}: because")
        assert send_point(made) == Answer("delivered")


@pytest.mark.parametrize(("status", "code"), [(503, "UNAVAILABLE"), (429, "RESOURCE_EXHAUSTED")])
def test_retry_info(status: int, code: str) -> None:
    """A RetryInfo says how long to wait; with it an exhausted resource is retried, not split."""
    with FakeReceiver() as receiver, transports(variables(receiver, "grpc")) as made:
        receiver.answer(status, retry_after=1.5)
        answer = send_point(made)
        assert (answer.kind, answer.retry_after_s) == ("retry", 1.5)
        assert code in answer.detail


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_partial_success_is_counted(signal: Signal) -> None:
    """Rejected items are a delivery with a count and a reason."""
    with FakeReceiver() as receiver, transports(variables(receiver, "grpc")) as made:
        receiver.answer(rejected=2, message="too old")
        answer = made[signal].send(signal, some_lines()[signal])
        assert answer == Answer("delivered", "the server rejected 2 of the items: too old", rejected=2)


def test_a_request_above_the_servers_limit_is_split() -> None:
    """A server's own limit of 4 MiB, which answers without a RetryInfo."""
    with FakeReceiver() as receiver, transports(variables(receiver, "grpc")) as made:
        assert made["logs"].send("logs", log_lines("x" * 8000) * 600).kind == "split"
        assert made["logs"].send("logs", log_lines("x" * 8000) * 300).kind == "delivered"


def test_nothing_listens_and_then_something_does() -> None:
    """A refused connection is retried, and the first attempt after the server came is delivered soon."""
    port = free_port()
    environ = {PREFIX + "ENDPOINT": f"http://127.0.0.1:{port}", PREFIX + "PROTOCOL": "grpc"}
    with transports(environ) as made:
        answer = send_point(made)
        assert (answer.kind, answer.detail[:16]) == ("retry", "gRPC UNAVAILABLE")
        assert f"127.0.0.1:{port}" in answer.detail
        with FakeReceiver(grpc_port=port) as receiver:
            assert receiver.grpc_endpoint == f"http://127.0.0.1:{port}"
            deadline_s = time.monotonic() + 15
            while send_point(made).kind != "delivered":
                assert time.monotonic() < deadline_s
                time.sleep(0.1)


def test_a_host_that_has_no_address() -> None:
    """A name that cannot be resolved is retried."""
    environ = {PREFIX + "ENDPOINT": "http://collector.invalid:4317", PREFIX + "TIMEOUT": "5"}
    with transports(environ) as made:
        assert send_point(made).kind == "retry"


def test_a_silent_server_is_left_after_the_timeout() -> None:
    """A server that does not answer is given up on, and the next request takes another connection."""
    with FakeReceiver() as receiver:
        receiver.answer(200, delay_s=60)
        with transports(variables(receiver, "grpc", TIMEOUT="0.3")) as made:
            started_s = time.monotonic()
            answer = send_point(made)
            assert (answer.kind, answer.detail[:22]) == ("retry", "gRPC DEADLINE_EXCEEDED")
            assert time.monotonic() - started_s < 20
        with transports(variables(receiver, "grpc")) as made:
            assert send_point(made) == Answer("delivered")


def test_a_connection_that_nobody_answers_on() -> None:
    """A port that accepts and says nothing is given up on after the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environ = {
            PREFIX + "ENDPOINT": f"http://127.0.0.1:{listener.getsockname()[1]}",
            PREFIX + "PROTOCOL": "grpc",
            PREFIX + "TIMEOUT": "0.3",
        }
        with transports(environ) as made:
            assert send_point(made).kind == "retry"


def test_a_server_of_another_protocol() -> None:
    """What is no HTTP/2 is retried."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        environ = {
            PREFIX + "ENDPOINT": f"http://127.0.0.1:{listener.getsockname()[1]}",
            PREFIX + "PROTOCOL": "grpc",
            PREFIX + "TIMEOUT": "5",
        }
        with transports(environ) as made:
            assert send_point(made).kind == "retry"
        thread.join()


def test_a_line_that_is_torn_is_bad() -> None:
    """A line that is not OTLP is told without sending it."""
    line = log_lines("a")[0]
    with FakeReceiver() as receiver, transports(variables(receiver, "grpc")) as made:
        assert made["logs"].send("logs", [line, line[:60] + line[70:]]).kind == "bad"
        assert not receiver.requests


def test_a_closed_transport_opens_again() -> None:
    """Closing releases the connection, no more."""
    with FakeReceiver() as receiver, transports(variables(receiver, "grpc")) as made:
        assert send_point(made) == Answer("delivered")
        made["metrics"].close()
        made["metrics"].close()
        assert send_point(made) == Answer("delivered")


def test_secrets_that_a_server_echoes_stay_out_of_the_answer() -> None:
    """Neither a header's value nor its credentials get into a detail."""
    with FakeReceiver() as receiver:
        receiver.answer(401, message="bad Bearer hunter2hunter2")
        environ = variables(receiver, "grpc", HEADERS="authorization=Bearer%20hunter2hunter2")
        with transports(environ) as made:
            assert "hunter2" not in send_point(made).detail
