"""OTLP over HTTP against a server on loopback: what is sent, and what each behaviour of a server comes to."""

import time
from email.utils import formatdate
from pathlib import Path

import pytest

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.sender.transport import protobuf_fallback
from otel_mmlog.sender.types import SIGNALS, Answer, Signal
from otel_mmlog.testing import FakeReceiver, Reply
from tests.sender.transports import (
    PREFIX,
    PROTOCOLS,
    log_lines,
    point_lines,
    send_points,
    some_lines,
    transports,
    variables,
)

HTTP = [protocol for protocol in PROTOCOLS if protocol != "grpc"]


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
@pytest.mark.parametrize("protocol", HTTP)
def test_lines_arrive_whole(protocol: Protocol, compression: str) -> None:
    """Points (NaN and infinities too), log records and spans, in either encoding, compressed or not."""
    with (
        FakeReceiver() as receiver,
        transports(variables(receiver, protocol, COMPRESSION=compression)) as made,
    ):
        for signal, lines in some_lines().items():
            assert made[signal].send(signal, lines) == Answer("delivered")
        assert [str(point.value) for point in receiver.points()] == ["0.5", "nan", "-inf", "3"]
        assert [log.body for log in receiver.logs()] == ["first", "zweiter Ärger\n\t\U0001f525"]
        assert [span.status for span in receiver.spans()] == [2, 2]
        for request in receiver.requests:
            assert request.protocol == protocol
            assert request.path == f"/v1/{request.signal}"
            assert request.headers.get("content-encoding", "none") == compression
            assert request.compressed_bytes is not None
            assert (request.compressed_bytes < len(request.body)) == (compression != "none")


def test_json_lines_are_sent_as_they_are() -> None:
    """The body is the lines' own text, not a translation."""
    lines = log_lines("a", "b")
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        made["logs"].send("logs", lines)
        start, end = b'{"resourceLogs":[', b"]}\n"
        inner = b",".join(line[len(start) : -len(end)] for line in lines)
        assert receiver.requests[0].body == start + inner + b"]}"


def test_headers_are_sent() -> None:
    """The configured headers, over our own user agent, and never another content type."""
    with FakeReceiver() as receiver:
        send_points(
            variables(receiver, HEADERS="authorization=Basic%20YTpi,x-scope-orgid=team%201,User-Agent=me")
        )
        headers = receiver.requests[0].headers
        assert headers["authorization"] == "Basic YTpi"
        assert headers["x-scope-orgid"] == "team 1"
        assert headers["user-agent"] == "me"
        assert headers["content-type"] == "application/json"


def test_one_connection_serves_many_requests() -> None:
    """The connection is kept, also behind errors and partial successes."""
    with FakeReceiver() as receiver:
        for status in (200, 503, 400, 200):
            receiver.answer(status, message="x" * 5000)
        with transports(variables(receiver)) as made:
            for _ in range(5):
                made["metrics"].send("metrics", point_lines(1.0))
        assert len(receiver.requests) == 5
        assert receiver.connections == 1


@pytest.mark.parametrize("protocol", HTTP)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad"),
        (401, "pause"),
        (403, "pause"),
        (404, "pause"),
        (405, "pause"),
        (408, "retry"),
        (413, "split"),
        (415, "pause"),
        (429, "retry"),
        (500, "retry"),
        (502, "retry"),
        (503, "retry"),
        (504, "retry"),
    ],
)
def test_errors(protocol: Protocol, status: int, kind: str) -> None:
    """Each status comes with the server's words; the next request is delivered over the same connection."""
    with FakeReceiver() as receiver, transports(variables(receiver, protocol)) as made:
        receiver.answer(status, message="because")
        refused = made["logs"].send("logs", log_lines("a"))
        assert (refused.kind, refused.wants_protobuf) == (kind, status == 415)
        assert refused.detail.startswith(f"HTTP {status} ")
        assert "because" in refused.detail
        assert made["logs"].send("logs", log_lines("b")) == Answer("delivered")
        assert [log.body for log in receiver.logs()] == ["b"]


def test_retry_after_in_seconds_and_as_a_date() -> None:
    """Both forms of Retry-After say how long to wait."""
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        receiver.answer(503, retry_after=2)
        receiver.answer(429, retry_after=formatdate(time.time() + 30, usegmt=True))
        receiver.answer(503)
        waits = [made["metrics"].send("metrics", point_lines(1.0)).retry_after_s for _ in range(3)]
        assert waits[0] == 2.0
        assert waits[1] is not None
        assert 27 < waits[1] < 31
        assert waits[2] is None


@pytest.mark.parametrize("protocol", HTTP)
@pytest.mark.parametrize("signal", SIGNALS)
def test_a_partial_success_is_counted(protocol: Protocol, signal: Signal) -> None:
    """Rejected items are a delivery with a count and a reason."""
    with FakeReceiver() as receiver, transports(variables(receiver, protocol)) as made:
        receiver.answer(rejected=2, message="too old")
        answer = made[signal].send(signal, some_lines()[signal])
        assert answer == Answer("delivered", "the server rejected 2 of the items: too old", rejected=2)


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"\xff" * 100])
def test_other_bodies_of_a_success(body: bytes) -> None:
    """An empty body is a delivery, any other one too, with a doubt."""
    with FakeReceiver() as receiver:
        receiver.answer(200, body=body, headers={"Content-Type": "text/html"})
        answer = send_points(variables(receiver))
        assert answer.kind == "delivered"
        assert ("is it an OTLP server?" in answer.detail) == bool(body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(status: int) -> None:
    """A redirect pauses and says where it leads; nothing, least of all a credential, goes there."""
    with FakeReceiver() as receiver, FakeReceiver() as elsewhere:
        receiver.answer(status, headers={"Location": f"{elsewhere.http_endpoint}/v1/metrics"})
        answer = send_points(variables(receiver, HEADERS="authorization=secret"))
        assert answer.kind == "pause"
        assert f"redirects to {elsewhere.http_endpoint}" in answer.detail
        assert not elsewhere.requests


def test_a_line_that_is_torn_is_bad() -> None:
    """A line that no server would take is told without sending it, or by the server's 400."""
    line = log_lines("a")[0]
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        assert made["logs"].send("logs", [line, line[:40]]).kind == "bad"
        assert not receiver.requests
        assert made["logs"].send("logs", [line, line[:60] + line[70:]]).kind == "bad"
        assert len(receiver.requests) == 1
    with FakeReceiver() as receiver, transports(variables(receiver, "http/protobuf")) as made:
        assert made["logs"].send("logs", [line, line[:60] + line[70:]]).kind == "bad"
        assert not receiver.requests


def test_the_protobuf_fallback() -> None:
    """Where JSON is refused, the same endpoint gets protobuf over the same connection."""
    lines = some_lines()
    with FakeReceiver() as receiver, transports(variables(receiver, HEADERS="x-a=1")) as made:
        receiver.answer_by(lambda request: Reply(415) if request.protocol == "http/json" else None)
        for signal in SIGNALS:
            assert made[signal].send(signal, lines[signal]).wants_protobuf
            fallback = protobuf_fallback(made[signal])
            assert fallback is not None
            assert fallback.send(signal, lines[signal]) == Answer("delivered")
            assert protobuf_fallback(fallback) is None
        accepted = [request for request in receiver.requests if request.accepted]
        assert {request.protocol for request in accepted} == {"http/protobuf"}
        assert {request.headers["x-a"] for request in accepted} == {"1"}
        assert {request.headers["content-encoding"] for request in accepted} == {"gzip"}
        assert [len(receiver.points()), len(receiver.logs()), len(receiver.spans())] == [4, 2, 2]
        assert receiver.connections == 3


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_there_is_one_fallback_only(protocol: Protocol) -> None:
    """What sends protobuf has nothing to fall back to."""
    with FakeReceiver() as receiver, transports(variables(receiver, protocol)) as made:
        assert protobuf_fallback(made["logs"]) is None


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY takes the request, NO_PROXY does not, and a proxy that refuses pauses without its password."""
    with FakeReceiver() as proxy, FakeReceiver() as receiver:
        monkeypatch.setenv("HTTP_PROXY", proxy.http_endpoint.replace("//", "//me:hunter2@"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        environ = {PREFIX + "ENDPOINT": "http://collector.invalid:4318", "HTTP_PROXY": "as above"}
        assert send_points(environ) == Answer("delivered")
        assert proxy.requests[0].path == "http://collector.invalid:4318/v1/metrics"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="
        assert send_points(variables(receiver)) == Answer("delivered")
        assert len(receiver.requests) == 1
        proxy.answer(407)
        assert send_points(environ).kind == "pause"
        monkeypatch.setenv("HTTP_PROXY", "http://me:hunter2@:port")
        answer = send_points(environ)
        assert answer.kind == "pause"
        assert "hunter2" not in answer.detail


def test_a_netrc_does_not_replace_the_configured_header(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A password for the host in ``~/.netrc`` counts only where no Authorization is configured."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pw\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with FakeReceiver() as receiver:
        send_points(variables(receiver, HEADERS="Authorization=Bearer%20token"))
        send_points(variables(receiver))
        found = [request.headers["authorization"] for request in receiver.requests]
        assert found == ["Bearer token", "Basic bWU6cHc="]


def test_a_netrc_is_not_read_in_plain_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What ``~/.netrc`` has for another machine goes there by TLS only."""
    (tmp_path / ".netrc").write_text("machine collector.invalid login me password pw\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with FakeReceiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.http_endpoint)
        environ = {PREFIX + "ENDPOINT": "http://collector.invalid:4318", "HTTP_PROXY": "as above"}
        assert send_points(environ) == Answer("delivered")
        assert "authorization" not in proxy.requests[0].headers


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_loopback_takes_no_proxy(monkeypatch: pytest.MonkeyPatch, protocol: Protocol) -> None:
    """What is sent to this machine itself goes there, though the environment does not except it from its proxies."""
    with FakeReceiver() as proxy, FakeReceiver() as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "grpc_proxy"):
            monkeypatch.setenv(name, proxy.http_endpoint)
        assert send_points(variables(receiver, protocol)) == Answer("delivered")
        assert (len(receiver.requests), proxy.requests) == (1, [])


def test_secrets_that_a_server_echoes_stay_out_of_the_answer() -> None:
    """Neither a header's value nor its credentials nor a query get into a detail."""
    with FakeReceiver() as receiver:
        receiver.answer(401, message="bad: Bearer hunter2hunter2 / hunter2hunter2 / key=querysecret")
        environ = variables(receiver, HEADERS="authorization=Bearer%20hunter2hunter2")
        environ[PREFIX + "ENDPOINT"] += "?key=querysecret"
        answer = send_points(environ)
        assert answer.kind == "pause"
        assert "hunter2" not in answer.detail
        assert "querysecret" not in answer.detail
