"""When plain HTTP without requests is as good as with it, and what then leaves."""

import socket
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.types import Answer
from otel_mmlog.testing import FakeReceiver
from tests.sender.rigs import until
from tests.sender.transports import PREFIX, point_lines, send_points, transports, variables

FAR = "http://collector.example:4318"


def is_straight(endpoint: str, environ: Mapping[str, str]) -> bool:
    """What the settings say of an endpoint's metrics."""
    return (read_endpoints({PREFIX + "ENDPOINT": endpoint, **environ}) or {})["metrics"].straight


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("endpoint", "environ"),
    [
        ("http://localhost:4318", {"HTTP_PROXY": "http://proxy:3128"}),
        ("http://127.0.0.1", {}),
        ("http://[::1]:4318/a/b/", {}),
        (FAR, {"NO_PROXY": "example", "HTTPS_PROXY": ""}),
    ],
)
def test_a_plain_url_alone_says_the_way(endpoint: str, environ: Mapping[str, str]) -> None:
    """Plain HTTP to this machine, or to another one where the environment names no proxy."""
    assert is_straight(endpoint, environ)


@pytest.mark.parametrize(
    ("endpoint", "environ"),
    [
        ("https://localhost:4318", {}),
        ("localhost:4317", {}),
        ("http://localhost:4318/a/../b", {}),
        ("http://localhost:4318/%41", {}),
        (
            "http://localhost:4318/a?key=value",
            {PREFIX + "METRICS_ENDPOINT": "http://localhost:4318/a?key=value"},
        ),
        ("http://b\u00fccher.example:4318", {}),
        ("http://localhost:4318", {"NETRC": "/somewhere"}),
        (FAR, {"http_proxy": "http://proxy:3128"}),
        (FAR, {"ALL_PROXY": "http://proxy:3128"}),
    ],
)
def test_everything_else_is_left_to_requests(endpoint: str, environ: Mapping[str, str]) -> None:
    """TLS, proxies, a ``.netrc``, and URLs that are not taken as they are."""
    assert not is_straight(endpoint, environ)


def test_a_netrc_in_the_home_counts(tmp_path: Path) -> None:
    """It may have a password for this machine; for another one it is not read in plain text anyway."""
    (tmp_path / ".netrc").touch()
    assert not is_straight("http://localhost:4318", {})
    assert is_straight(FAR, {})


def test_both_send_the_same_request(tmp_path: Path) -> None:
    """A configured header replaces ours once, in either way; path and body are the same."""
    with FakeReceiver() as receiver:
        environ = variables(receiver, HEADERS="User-Agent=mine,x-tenant=a%20b")
        assert send_points(environ) == Answer("delivered")
        (tmp_path / ".netrc").touch()
        assert send_points(environ) == Answer("delivered")
        plain, other = receiver.requests
        assert (plain.path, plain.message) == (other.path, other.message)
        headers = dict(plain.headers)
        assert {**headers, "connection": "keep-alive"} == dict(other.headers)
        assert (headers["user-agent"], headers["x-tenant"]) == ("mine", "a b")


def test_one_connection_serves_all_requests() -> None:
    """It is kept from one request to the next, and made anew when the server has closed it meanwhile."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    heard: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, answer, heard))
        thread.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        with transports({PREFIX + "ENDPOINT": endpoint, PREFIX + "TIMEOUT": "5"}) as made:
            for closed in (0, 0, 1, 1):
                until(partial(_are_closed, heard, closed))
                assert made["metrics"].send("metrics", point_lines(1.0)) == Answer("delivered")
        thread.join()
    assert heard == [2, 2]


def _serve(server: socket.socket, answer: bytes, heard: list[int]) -> None:
    """Answer two requests on each of two connections; how many a connection had is noted once it is closed."""
    for _ in range(2):
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            count = sum(_take(stream, connection, answer) for _ in range(2))
        heard.append(count)


def _are_closed(heard: list[int], count: int) -> bool:
    return len(heard) == count


def _take(stream: BinaryIO, connection: socket.socket, answer: bytes) -> bool:
    length = 0
    while (line := stream.readline().lower()) not in (b"\r\n", b""):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    stream.read(length)
    connection.sendall(answer)
    return length > 0
