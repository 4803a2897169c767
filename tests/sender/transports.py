"""Journal lines of the real encoder, and transports to send them with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from otel_mmlog.core.record import TraceRef
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.sender.transport import make_transports
from otel_mmlog.sender.types import Answer, Signal, Transport
from otel_mmlog.testing import FakeReceiver
from tests.otel.telemetry import make_encoder, make_event, make_record

PREFIX = "OTEL_EXPORTER_OTLP_"
PROTOCOLS: tuple[Protocol, ...] = ("http/json", "http/protobuf", "grpc")
SPAN = (
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"rank","value":{"intValue":"3"}}]},"scopeSpans":'
    b'[{"scope":{"name":"otel_mmlog"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":'
    b'"b7ad6b7169203331","parentSpanId":"00f067aa0ba902b7","name":"mmlog.epoch","kind":1,"startTimeUnixNano":'
    b'"1700000000000000000","endTimeUnixNano":"1700000001000000000","status":{"code":2,"message":"\xc3\xa9"}}]}]}]}\n'
)


def point_lines(*values: float, tag: str = "loss") -> list[bytes]:
    """One line a value, each with one point."""
    encoder = make_encoder()
    return [line.data for value in values for line in encoder.metrics_lines(make_record({tag: value}))]


def log_lines(*bodies: str) -> list[bytes]:
    """One line a body, each with one log record inside of a span."""
    encoder = make_encoder()
    trace = TraceRef(2**127 + 1, 2**63 + 1, 1)
    return [encoder.log_line(make_event(body=body, trace=trace)).data for body in bodies]


def some_lines() -> dict[Signal, list[bytes]]:
    """Lines of every signal."""
    nan, inf = float("nan"), float("inf")
    return {
        "metrics": [*point_lines(0.5, nan, -inf), *point_lines(3, tag="count")],
        "logs": log_lines("first", "zweiter Ärger\n\t\U0001f525"),
        "traces": [SPAN, SPAN.replace(b"b7ad6b7169203331", b"b7ad6b7169203332")],
    }


def variables(receiver: FakeReceiver, protocol: Protocol = "http/json", **more: str) -> dict[str, str]:
    """Environment variables for a receiver; more of them without `PREFIX`."""
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    general = {"ENDPOINT": endpoint, "PROTOCOL": protocol, "TIMEOUT": "5", **more}
    return {PREFIX + name: value for name, value in general.items()}


@contextmanager
def transports(environ: Mapping[str, str]) -> Iterator[dict[Signal, Transport]]:
    """The transports of an environment, closed at the end."""
    made = make_transports(read_endpoints(environ) or {})
    try:
        yield made
    finally:
        for transport in made.values():
            transport.close()


def send_points(environ: dict[str, str], *values: float) -> Answer:
    """Send points over a new connection of an environment."""
    with transports(environ) as made:
        return made["metrics"].send("metrics", point_lines(*values or (1.0,)))
