"""Journal lines as protobuf: the same messages as protobuf's own, slower reader makes."""

import base64
import json
import math
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor  # type: ignore[import-untyped]  # ships no types
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_mmlog.sender import protobuf_json
from otel_mmlog.sender.protobuf_json import build_request, serialize
from otel_mmlog.sender.splice import MalformedLineError
from otel_mmlog.sender.types import SIGNALS, Signal
from otel_mmlog.testing.messages import decode_json
from tests.sender.transports import SPAN, log_lines, point_lines, some_lines

REQUESTS: dict[Signal, Any] = {
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
MAX_DEPTH = 9
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1.5", 0, -3]
)


def fields(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects of a message type with any of its fields, at most one of each oneof."""
    members = {field.json_name: field for field in descriptor.fields}
    if depth >= MAX_DEPTH:
        members = {name: field for name, field in members.items() if field.message_type is None}
    return st.lists(st.sampled_from(sorted(members)), unique=True, max_size=6).flatmap(
        lambda names: st.fixed_dictionaries(
            {name: value(members[name], depth) for name in one_of_each(names, members)}
        )
    )


def one_of_each(names: list[str], members: dict[str, Any]) -> list[str]:
    """The names without a second member of a oneof."""
    seen: set[str] = set()
    kept = []
    for name in names:
        oneof = members[name].containing_oneof
        key = name if oneof is None else f"oneof {oneof.name}"
        if key not in seen:
            kept.append(name)
        seen.add(key)
    return kept


def value(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """A field's JSON value, in one of the forms that ProtoJSON has for it."""
    one = value_of_one(field, depth)
    repeated = getattr(field, "is_repeated", None)
    if repeated is None:
        repeated = field.label == FieldDescriptor.LABEL_REPEATED
    return st.none() | (st.lists(one, max_size=2) if repeated else one)


def value_of_one(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return st.deferred(lambda: fields(field.message_type, depth + 1))
    if field.name in ("trace_id", "span_id", "parent_span_id"):
        return st.binary(max_size=16).map(bytes.hex)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())
    kinds: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.CPPTYPE_INT32: integers(-(2**31), 2**31 - 1),
        FieldDescriptor.CPPTYPE_INT64: integers(-(2**63), 2**63 - 1),
        FieldDescriptor.CPPTYPE_UINT32: integers(0, 2**32 - 1),
        FieldDescriptor.CPPTYPE_UINT64: integers(0, 2**64 - 1),
        FieldDescriptor.CPPTYPE_DOUBLE: DOUBLES,
        FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
        FieldDescriptor.CPPTYPE_ENUM: enum(field),
        FieldDescriptor.CPPTYPE_STRING: TEXT,
    }
    return kinds[field.cpp_type]


def enum(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    names = sorted(field.enum_type.values_by_name) if field.enum_type is not None else ["-"]
    return st.sampled_from(names) | st.integers(0, 30)


def integers(low: int, high: int) -> st.SearchStrategy[Any]:
    """Integers as numbers, as strings, and as floats where those are exact."""
    numbers = st.integers(low, high)
    return numbers | numbers.map(str) | st.integers(0, 1000).map(float)


def normal(message: Any) -> Any:
    """A message as data in which NaN equals NaN."""
    if hasattr(message, "ListFields"):
        return {field.name: normal(inner) for field, inner in message.ListFields()}
    if isinstance(message, float):
        return "nan" if math.isnan(message) else message.hex()
    return message if isinstance(message, (str, int, bytes)) else [normal(inner) for inner in message]


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_encoders_lines_as_messages(signal: Signal) -> None:
    """What the journal holds comes to what protobuf's own reader makes of it."""
    for line in some_lines()[signal]:
        ours, theirs = build_request(signal, line), decode_json(signal, line)
        assert normal(ours) == normal(theirs)
        assert normal(ours) != {}


@pytest.mark.parametrize("signal", SIGNALS)
def test_any_request_as_a_message(signal: Signal) -> None:
    """Requests with any field of any message type of OTLP, in any form that ProtoJSON allows."""

    (groups,) = REQUESTS[signal].DESCRIPTOR.fields

    @settings(max_examples=150, deadline=None)
    @given(st.lists(fields(groups.message_type), max_size=3))
    def check(request: list[dict[str, Any]]) -> None:
        line = json.dumps({groups.json_name: request}).encode()
        assert normal(build_request(signal, line)) == normal(decode_json(signal, line))

    check()


@settings(deadline=None)
@given(
    fields(ExportLogsServiceRequest.DESCRIPTOR.fields[0].message_type.fields_by_name["resource"].message_type)
)
def test_any_attribute_value_as_a_message(resource: dict[str, Any]) -> None:
    """Values within values: arrays, maps, bytes, empty ones."""
    line = json.dumps({"resourceLogs": [{"resource": resource}]}).encode()
    assert normal(build_request("logs", line)) == normal(decode_json("logs", line))


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ('{"stringValue":""}', "string_value", ""),
        ('{"intValue":"-9223372036854775808"}', "int_value", -(2**63)),
        ('{"boolValue":false}', "bool_value", False),
        ('{"doubleValue":"-Infinity"}', "double_value", -math.inf),
        ('{"bytesValue":"-_8"}', "bytes_value", b"\xfb\xff"),
        ("{}", None, None),
    ],
)
def test_empty_values_keep_their_kind(value: str, kind: str | None, expected: Any) -> None:
    """An empty string, a zero and no value at all stay three things."""
    line = f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}'.encode()
    body = build_request("logs", line).resource_logs[0].scope_logs[0].log_records[0].body
    assert body.WhichOneof("value") == kind
    assert kind is None or getattr(body, kind) == expected


@pytest.mark.parametrize("signal", SIGNALS)
def test_many_lines_are_one_request(signal: Signal) -> None:
    """The serialized request has the groups of all lines in their order."""
    lines = some_lines()[signal]
    request = REQUESTS[signal].FromString(serialize(signal, lines))
    groups = [group for line in lines for group in build_request(signal, line).ListFields()[0][1]]
    assert [normal(group) for group in request.ListFields()[0][1]] == [normal(group) for group in groups]


def test_unknown_fields_are_left_out() -> None:
    """A line of a newer version loses what the installed messages have no place for, not itself."""
    line = point_lines(1.0)[0]
    newer = line.replace(b'"timeUnixNano"', b'"newField":{"a":[1]},"timeUnixNano"')
    assert newer != line
    assert build_request("metrics", newer) == build_request("metrics", line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"resourceSpans":[{"scopeSpans"',
        b'{"resourceSpans":{}}',
        b'{"resourceSpans":[[]]}',
        b'{"resourceSpans":["x"]}',
        SPAN.replace(b"0af765", b"xyz"),
        SPAN.replace(b'"1700000000000000000"', b'"soon"'),
        SPAN.replace(b'"1700000000000000000"', b"-1"),
        SPAN.replace(b'"1700000000000000000"', b"1.5"),
        SPAN.replace(b'"kind":1', b'"kind":"NO_SUCH_KIND"'),
        SPAN.replace(b'"name":"mmlog.epoch"', b'"name":7'),
        SPAN.replace(b'"name":"mmlog.epoch"', b'"name":"\\ud800"'),
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_not_otlp(line: bytes) -> None:
    """It is an error, whatever is wrong with it."""
    with pytest.raises(MalformedLineError, match="a line is not an OTLP JSON request of traces"):
        serialize("traces", [SPAN, line])


def test_a_line_of_another_signal() -> None:
    """It is an error, not a request with nothing in it."""
    with pytest.raises(MalformedLineError):
        serialize("metrics", log_lines("x"))


def test_three_threads_that_begin_at_once_leave_no_field_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signals are sent by threads, which build what they know of the messages at the same time."""
    resource = b'{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]}}'
    keys = {"metrics": b"resourceMetrics", "logs": b"resourceLogs", "traces": b"resourceSpans"}
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(60):
            monkeypatch.setattr(protobuf_json, "_PLANS", {})
            assert len(set(_serialized_at_once(keys, resource))) == 1
    finally:
        sys.setswitchinterval(interval_s)


def _serialized_at_once(keys: Mapping[Any, bytes], resource: bytes) -> list[int]:
    """The length of each signal's request; the same fields make the same length."""
    start = threading.Barrier(len(keys))
    lengths: list[int] = []

    def run(signal: Any, key: bytes) -> None:
        start.wait()
        lengths.append(len(protobuf_json.serialize(signal, [b'{"%s":[%s]}\n' % (key, resource)])))

    threads = [threading.Thread(target=run, args=item) for item in keys.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return lengths
