"""The fake receiver, as those see it who test their own programs with it."""

import gzip
import http.client
import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

import otel_mmlog.testing
from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver, Log, Point, Reply, Request, Span
from tests.end_to_end.servers import wait_until
from tests.sender.transports import PROTOCOLS, log_lines, point_lines, some_lines, transports, variables


def post(receiver: FakeReceiver, path: str, body: bytes, **headers: str) -> int:
    """Post JSON by the standard library; underscores in headers' names stand for hyphens."""
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    request = urllib.request.Request(receiver.http_endpoint + path, body, named)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_the_public_names() -> None:
    """What the module offers."""
    names = ["FakeReceiver", "Log", "Point", "Reply", "Request", "Span", "Tls"]
    assert otel_mmlog.testing.__all__ == names


def test_items_are_plain_values() -> None:
    """Points, log records and spans with their attributes and their resource's."""
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        for signal, lines in some_lines().items():
            made[signal].send(signal, lines[-1:])
        (point,), (log,), (span,) = receiver.points(), receiver.logs(), receiver.spans()
        assert isinstance(point, Point)
        assert (point.name, point.value, point.flags, point.unit) == ("mmlog.train.count", 3, 0, "")
        assert point.attributes["mmlog.run.id"] == "run"
        assert point.resource["rank"] == 3
        assert isinstance(log, Log)
        assert (log.body, log.severity, log.event_name) == ("zweiter Ärger\n\t\U0001f525", 9, "")
        assert (log.trace_id, log.span_id) == (f"{2**127 + 1:032x}", f"{2**63 + 1:016x}")
        assert isinstance(span, Span)
        assert (span.name, span.status, span.end_ns - span.start_ns) == ("mmlog.epoch", 2, 10**9)
        assert (span.span_id, span.parent_id) == ("b7ad6b7169203332", "00f067aa0ba902b7")


def test_points_of_one_metric() -> None:
    """Points can be asked for by their metric's name."""
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        made["metrics"].send("metrics", [*point_lines(1.0), *point_lines(2.0, tag="acc")])
        assert [point.value for point in receiver.points("mmlog.train.acc")] == [2.0]
        assert receiver.points("mmlog.train.none") == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_answers_come_in_order(protocol: Protocol) -> None:
    """Answers queue up, each for its number of requests; what was refused is no item."""
    with FakeReceiver() as receiver, transports(variables(receiver, protocol)) as made:
        receiver.answer(503, times=2)
        receiver.answer(401)
        kinds = [made["logs"].send("logs", log_lines(str(i))).kind for i in range(4)]
        assert kinds == ["retry", "retry", "pause", "delivered"]
        assert [request.accepted for request in receiver.requests] == [False, False, False, True]
        assert [log.body for log in receiver.logs()] == ["3"]


def test_answers_of_one_signal() -> None:
    """An answer may be meant for one signal, and for ever until everything is accepted again."""
    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        receiver.answer(429, times=None, signal="logs")
        for _ in range(2):
            assert made["logs"].send("logs", log_lines("a")).kind == "retry"
            assert made["metrics"].send("metrics", point_lines(1.0)).kind == "delivered"
        receiver.accept()
        assert made["logs"].send("logs", log_lines("a")).kind == "delivered"


def test_a_rule_comes_before_the_queue() -> None:
    """A function of the request decides first; None leaves it to the queue."""

    def refuse_b(request: Request) -> Reply | None:
        return Reply(400) if b'"b"' in request.body else None

    with FakeReceiver() as receiver, transports(variables(receiver)) as made:
        receiver.answer_by(refuse_b)
        receiver.answer(503)
        kinds = [made["logs"].send("logs", log_lines(body)).kind for body in "bab"]
        assert kinds == ["bad", "retry", "bad"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/logs", b"{}", {}, 200),
        ("/any/base/v1/traces?key=1", b"{}", {}, 200),
        ("/v1/logs", gzip.compress(b"{}", mtime=0), {"Content_Encoding": "gzip"}, 200),
        ("/v1/logs", b"{", {}, 400),
        ("/v1/logs", b"[]", {}, 400),
        ("/v1/logs", b"\xff\xff", {"Content_Type": "application/x-protobuf"}, 400),
        ("/v1/logs", b"{}", {"Content_Encoding": "gzip"}, 400),
        ("/v1/logs", b"{}", {"Content_Encoding": "br"}, 415),
        ("/v1/logs", b"{}", {"Content_Type": "text/plain"}, 415),
        ("/v2/logs", b"{}", {}, 404),
    ],
)
def test_what_is_not_otlp_is_refused(path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    """Bodies, paths and types are refused as a real server refuses them."""
    with FakeReceiver() as receiver:
        assert post(receiver, path, body, **headers) == status


def test_paths_of_ones_own() -> None:
    """A signal can be taken at another path."""
    with FakeReceiver(paths={"/ingest": "logs"}) as receiver:
        assert post(receiver, "/ingest", log_lines("a")[0]) == 200
        assert [log.body for log in receiver.logs()] == ["a"]
        assert receiver.requests[0].signal == "logs"


def test_a_request_knows_what_came() -> None:
    """Path, headers in lower case, body and message."""
    with FakeReceiver() as receiver:
        body = log_lines("a")[0]
        assert (
            post(receiver, "/v1/logs", gzip.compress(body, mtime=0), Content_Encoding="gzip", X_Key="1")
            == 200
        )
        (request,) = receiver.requests
        assert (request.path, request.headers["x-key"], request.protocol) == ("/v1/logs", "1", "http/json")
        assert (request.body, request.compressed_bytes) == (body, len(gzip.compress(body, mtime=0)))
        message: Any = request.message
        assert message.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "a"


def test_a_body_of_ones_own() -> None:
    """Status, headers and body of an answer can be anything."""
    with FakeReceiver() as receiver:
        receiver.answer(207, body=b"hi", headers={"X-A": "1", "Content-Type": "text/plain"})
        host = receiver.http_endpoint.partition("//")[2]
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("POST", "/v1/logs", b"{}", {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, response.headers["X-A"], response.headers["Content-Type"]) == (
            207,
            "1",
            "text/plain",
        )
        assert response.read() == b"hi"
        connection.close()


def test_a_success_says_so_in_json() -> None:
    """The usual answer is what a Collector answers."""
    with FakeReceiver() as receiver:
        url = f"{receiver.http_endpoint}/v1/metrics"
        request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as response:
            assert json.load(response) == {"partialSuccess": {}}


def test_closing_ends_everything() -> None:
    """No thread is left, a request that waits for its answer ends, and what came stays readable."""
    before = set(threading.enumerate())
    with (
        FakeReceiver() as receiver,
        transports(variables(receiver, "grpc")) as over_grpc,
        transports(variables(receiver)) as over_http,
    ):
        assert over_http["logs"].send("logs", log_lines("a")).kind == "delivered"
        assert over_grpc["logs"].send("logs", log_lines("b")).kind == "delivered"
        receiver.answer(200, times=None, delay_s=60)
        waiting = threading.Thread(target=over_http["logs"].send, args=("logs", log_lines("c")))
        waiting.start()
        assert wait_until(lambda: len(receiver.requests) == 3, 5)
        receiver.close()
        waiting.join(10)
        assert not waiting.is_alive()
        assert over_http["logs"].send("logs", log_lines("d")).kind == "retry"
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before
    assert [log.body for log in receiver.logs()] == ["a", "b", "c"]
