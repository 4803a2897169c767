"""OTLP over HTTP when there is no answer, or none that makes sense."""

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otel_mmlog.sender.bounded_body import MAX_BODY_BYTES
from otel_mmlog.sender.types import Answer
from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.servers import free_port
from tests.sender.transports import PREFIX, point_lines, send_points, transports, variables

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True, params=["plain", "requests"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each of the two that post; with a ``.netrc`` it is requests, to this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    if request.param == "requests":
        (tmp_path / ".netrc").touch()


def test_nothing_listens() -> None:
    """A refused connection is retried."""
    answer = send_points({PREFIX + "ENDPOINT": f"http://127.0.0.1:{free_port()}/x?key=secret"})
    assert answer.kind == "retry"
    assert "Connection refused" in answer.detail
    assert "secret" not in answer.detail


def test_a_host_that_has_no_address() -> None:
    """A name that cannot be resolved is retried: the network may come back."""
    answer = send_points({PREFIX + "ENDPOINT": "http://collector.invalid:4318"})
    assert answer.kind == "retry"
    assert "no answer from collector.invalid:4318: " in answer.detail


def test_a_host_that_cannot_have_an_address() -> None:
    """A host that is no host pauses."""
    answer = send_points({PREFIX + "ENDPOINT": f"http://{'a' * 70}.example:4318"})
    assert answer.kind == "pause"


def test_a_silent_server() -> None:
    """A server that does not answer is given up on after the timeout."""
    with FakeReceiver() as receiver:
        receiver.answer(200, delay_s=60)
        started_s = time.monotonic()
        answer = send_points(variables(receiver, TIMEOUT="0.3"))
        assert answer == Answer("retry", f"{receiver.http_endpoint[7:]} did not answer within 0.3 s")
        assert 0.25 < time.monotonic() - started_s < 20


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00\x00\x04\x00\x00\x00",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200,
    ],
    ids=["nothing", "binary", "ssh", "bad status", "long header", "many headers"],
)
def test_a_server_of_another_protocol(raw: bytes) -> None:
    """What is no HTTP response is retried."""
    with FakeReceiver() as receiver:
        receiver.answer(raw=raw)
        answer = send_points(variables(receiver))
        assert answer.kind == "retry"
        assert "no answer from 127.0.0.1" in answer.detail


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", "delivered"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 500\r\n\r\nwait", "retry"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "delivered"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "delivered"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", "delivered"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x00\x00", "delivered"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "delivered"),
        (OK, "delivered"),
    ],
)
def test_the_status_counts_more_than_the_body(raw: bytes, kind: str) -> None:
    """A body that breaks off or makes no sense does not change what the status said."""
    with FakeReceiver() as receiver:
        receiver.answer(raw=raw)
        assert send_points(variables(receiver)).kind == kind


def test_a_huge_body_is_not_read_to_its_end() -> None:
    """Only the beginning of an answer is read; the connection is not used again."""
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        receiver.answer(500, body=b"x" * (50 * MAX_BODY_BYTES), headers={"Content-Type": "text/plain"})
        answer = made["metrics"].send("metrics", point_lines(1.0))
        assert (answer.kind, len(answer.detail)) == ("retry", 300)
        assert made["metrics"].send("metrics", point_lines(2.0)) == Answer("delivered")
        assert receiver.connections == 2


def test_a_body_that_drips_is_given_up_on() -> None:
    """A server that sends a byte now and then does not hold the sender for ever."""
    with FakeReceiver() as receiver:
        receiver.answer(raw=b"HTTP/1.1 500 Slow\r\nContent-Length: 600\r\n\r\n" + b"x" * 600, drip_s=0.1)
        started_s = time.monotonic()
        assert send_points(variables(receiver, TIMEOUT="0.5")).kind == "retry"
        assert time.monotonic() - started_s < 20


@pytest.mark.parametrize(
    "raw",
    [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000 + b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 100],
    ids=["headers", "interim answers"],
)
def test_a_head_that_drips_is_given_up_on(raw: bytes) -> None:
    """No more is an answer whose headers come so slowly, or that says for ever that it will come."""

    def drip(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            for byte in raw:
                connection.sendall(bytes((byte,)))
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        pool.submit(lambda: drip(server.accept()[0]))
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        started_s = time.monotonic()
        answer = send_points({PREFIX + "ENDPOINT": url, PREFIX + "TIMEOUT": "0.5"})
        assert time.monotonic() - started_s < 20
        assert answer == Answer("retry", f"{url[7:]} did not answer within 0.5 s")


def test_a_restarted_server_gets_the_next_request() -> None:
    """A connection that the server closed meanwhile is replaced."""
    with FakeReceiver() as receiver:
        environ = variables(receiver)
        with transports(environ) as made:
            assert made["metrics"].send("metrics", point_lines(1.0)).kind == "delivered"
            receiver.close()
            assert made["metrics"].send("metrics", point_lines(1.0)).kind == "retry"
            with FakeReceiver(http_port=int(environ[PREFIX + "ENDPOINT"].rpartition(":")[2])) as again:
                assert made["metrics"].send("metrics", point_lines(1.0)).kind == "delivered"
                assert len(again.points()) == 1
