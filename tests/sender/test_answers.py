"""What each answer of an HTTP server means, without a network."""

import json

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from otel_mmlog.sender.answers import MAX_RETRY_AFTER_S, HttpResponse, http_answer, one_line
from otel_mmlog.sender.types import Answer

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}
OCTETS = {"content-type": "application/octet-stream"}


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """The answer to a response; underscores in headers' names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http_answer(HttpResponse(status, named, body), now_s=NOW_S)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        (JSON, b" \n"),
        (JSON, b"{}"),
        (JSON, b'{"partialSuccess":{}}'),
        (JSON, b'{"partialSuccess":null}'),
        (JSON, b'{"partialSuccess":{"rejectedSpans":"0"}}'),
        (PROTOBUF, b""),
        (PROTOBUF, ExportLogsServiceResponse(partial_success=ExportLogsPartialSuccess()).SerializeToString()),
    ],
)
def test_a_success_is_a_delivery(status: int, headers: dict[str, str], body: bytes) -> None:
    """Any 2xx, with an empty partial success or none."""
    assert http_answer(HttpResponse(status, headers, body), now_s=NOW_S) == Answer("delivered")


@pytest.mark.parametrize("count", ["7", 7])
@pytest.mark.parametrize("name", ["rejectedDataPoints", "rejectedLogRecords", "rejectedSpans"])
def test_rejected_items_are_counted(name: str, count: object) -> None:
    """A partial success is a delivery that says how many items were dropped, and why."""
    body = f'{{"partialSuccess":{{"{name}":{count!r},"errorMessage":"too\\nold"}}}}'.replace(
        "'", '"'
    ).encode()
    expected = Answer("delivered", "the server rejected 7 of the items: too old", rejected=7)
    assert answer(200, body, content_type="application/json; charset=utf-8") == expected


@pytest.mark.parametrize(
    "response",
    [
        ExportMetricsServiceResponse(
            partial_success=ExportMetricsPartialSuccess(rejected_data_points=7, error_message="too old")
        ),
        ExportLogsServiceResponse(
            partial_success=ExportLogsPartialSuccess(rejected_log_records=7, error_message="too old")
        ),
        ExportTraceServiceResponse(
            partial_success=ExportTracePartialSuccess(rejected_spans=7, error_message="too old")
        ),
    ],
)
def test_rejected_items_in_protobuf(response: ExportMetricsServiceResponse) -> None:
    """The same in protobuf, of each signal."""
    found = answer(200, response.SerializeToString(), content_type="application/x-protobuf")
    assert found == Answer("delivered", "the server rejected 7 of the items: too old", rejected=7)


def test_a_warning_with_a_success_is_passed_on() -> None:
    """A message without rejected items is a delivery with something to say."""
    found = answer(200, b'{"partialSuccess":{"errorMessage":"use v2"}}', content_type="application/json")
    assert found == Answer("delivered", "use v2")


@pytest.mark.parametrize("count", ["many", -3, True, None, [1], {"a": 1}, "9" * 40, 1.5])
def test_a_senseless_count_is_none(count: object) -> None:
    """What is not a count of rejected items counts nothing."""
    body = json.dumps({"partialSuccess": {"rejectedDataPoints": count}}).encode()
    assert answer(200, body, content_type="application/json") == Answer("delivered")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html"}, b"<html>Welcome to nginx!</html>"),
        (JSON, b"[1]"),
        (JSON, b'{"partial'),
        (JSON, b"[" * 60_000),
        (PROTOBUF, b"\xff\xff\xff"),
        ({}, b"\x00"),
    ],
)
def test_a_success_that_is_not_otlp(headers: dict[str, str], body: bytes) -> None:
    """A 2xx with any other body counts as a delivery, but says that the server may be none of OTLP's."""
    found = http_answer(HttpResponse(200, headers, body), now_s=NOW_S)
    assert (found.kind, found.rejected) == ("delivered", 0)
    assert "is it an OTLP server?" in found.detail


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ([408, 425, 429, *range(500, 600, 7)], "retry"),
        ([413], "split"),
        ([400, 422], "bad"),
        ([300, 301, 302, 303, 304, 307, 308], "pause"),
        ([401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 415, 421, 426, 431, 451, 499], "pause"),
    ],
)
def test_statuses(statuses: list[int], kind: str) -> None:
    """Which statuses wait, split, stop, or say that a line is bad."""
    assert {status: answer(status).kind for status in statuses} == dict.fromkeys(statuses, kind)


@pytest.mark.parametrize(
    "body",
    [b'{"code":3,"message":"http: request body too large"}', b"\x08\x03\x12\x1chttp: request body too large"],
)
def test_400_for_the_size_of_a_request_splits(body: bytes) -> None:
    """A Collector says 400 where it means 413: nothing is wrong with the lines."""
    assert answer(400, body, content_type="application/json").kind == "split"


def test_415_asks_for_protobuf() -> None:
    """A server that does not take JSON is told apart from one that refuses."""
    assert answer(415).wants_protobuf
    assert not answer(400).wants_protobuf


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50", 30.0),
        ("Tue, 14 Nov 2023 20:00:00 GMT", 0.0),
        ("86400", MAX_RETRY_AFTER_S),
        ("Tue, 14 Nov 2045 22:13:20 GMT", MAX_RETRY_AFTER_S),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("nan", None),
        ("9" * 400, None),
        ("Tue, 14 Nov 99999999999 22:13:20 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    """Seconds or a date, at most an hour; anything else is as good as none."""
    assert answer(503, retry_after=header).retry_after_s == seconds
    assert answer(429, retry_after=header).retry_after_s == seconds


def test_a_retry_date_is_read_by_the_servers_clock() -> None:
    """A date counts from the response's own date, so that our clock may be wrong."""
    date, later = "Tue, 14 Nov 2000 22:13:20 GMT", "Tue, 14 Nov 2000 22:13:30 GMT"
    assert answer(503, date=date, retry_after=later).retry_after_s == 10.0


def test_only_a_retry_has_a_retry_after() -> None:
    """What is not to be sent again has nothing to wait for."""
    assert answer(404, retry_after="5").retry_after_s is None


@pytest.mark.parametrize(
    ("headers", "body", "detail"),
    [
        (JSON, b'{"code":8,"message":"queue is\\nfull"}', "HTTP 503 Service Unavailable: queue is full"),
        ({"content-type": "text/plain"}, b"try  again\n", "HTTP 503 Service Unavailable: try again"),
        (PROTOBUF, Status(message="too old").SerializeToString(), "HTTP 503 Service Unavailable: too old"),
        (OCTETS, Status(message="too old").SerializeToString(), "HTTP 503 Service Unavailable: too old"),
        (PROTOBUF, b"\xff", "HTTP 503 Service Unavailable"),
        ({"content-type": "text/html"}, b"<html>", "HTTP 503 Service Unavailable"),
        ({}, b"\xff\x00\x1b[31m", "HTTP 503 Service Unavailable: \ufffd [31m"),
        ({}, b"", "HTTP 503 Service Unavailable"),
    ],
)
def test_details_are_the_servers_words(headers: dict[str, str], body: bytes, detail: str) -> None:
    """One line with the status and what the server said in any of the forms that servers use."""
    assert http_answer(HttpResponse(503, headers, body), now_s=NOW_S).detail == detail


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "path"),
        (407, "proxy"),
        (302, "it redirects to https://login/x, which is not followed"),
        (799, "HTTP 799"),
    ],
)
def test_details_say_what_to_do(status: int, words: str) -> None:
    """A pause says what somebody could change; a redirect's query, which may be a token, is left out."""
    assert words in answer(status, location="https://login/x?token=abc").detail
    assert "abc" not in answer(status, location="https://login/x?token=abc").detail


def test_details_never_repeat_secrets() -> None:
    """A server that echoes a credential does not get it into a log."""
    response = HttpResponse(401, {}, b"bad token s3cr3t: s3cr3t!")
    found = http_answer(response, now_s=NOW_S, secrets=["s3cr3t"])
    assert found.detail == "HTTP 401 Unauthorized: bad token ***: ***!: Check OTEL_EXPORTER_OTLP_HEADERS"


@given(st.text(max_size=1000))
def test_details_are_one_bounded_line(text: str) -> None:
    """Whatever a server says is one printable line of bounded length."""
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 300


@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from(["content-type", "retry-after", "date", "location"]), st.text()),
    st.binary(),
)
def test_any_response_has_an_answer(status: int, headers: dict[str, str], body: bytes) -> None:
    """No response makes an exception."""
    for kind in ({}, JSON, PROTOBUF):
        assert http_answer(HttpResponse(status, headers | kind, body), now_s=NOW_S).kind
