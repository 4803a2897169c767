"""OpenTelemetry's own exporters beside our transports: the same items, the same environment."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces

from otel_mmlog.otel.official import metrics_json, request_json
from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.sender.types import Signal
from otel_mmlog.testing import FakeReceiver, Request
from tests.oracle.json_common import build_log, build_metrics, build_span
from tests.sender.transports import transports

PREFIX = "OTEL_EXPORTER_OTLP_"
NOW_NS = 1_700_000_000_123_456_789
COMMON: dict[str, Any] = {
    "attributes": {"rank": 3, "note": "x" * 20_000},
    "resource": {"service.name": "exp"},
    "time_ns": NOW_NS,
    "version": "1",
}
SAMPLES: dict[Signal, dict[str, Any]] = {
    "metrics": {**COMMON, "points": [("mmlog.train.loss", "", COMMON["attributes"], 0.5)]},
    "logs": {
        **COMMON,
        "trace_id": 7,
        "span_id": 8,
        "flags": 1,
        "observed_ns": NOW_NS,
        "body": "hello",
        "event_name": "mmlog.train.iter",
    },
    "traces": {**COMMON, "trace_id": 7, "span_id": 8, "parent_id": 9, "name": "epoch", "kind": 0},
}
# What says who sent it and how long it is, not what a variable asked for.
INCIDENTAL = frozenset({"user-agent", "accept", "accept-encoding", "connection", "content-length"})


class Official(NamedTuple):
    """One of OpenTelemetry's exporters with what it is given and the same as a journal line."""

    make: Callable[[], Any]
    data: Any
    line: bytes


def official(signal: Signal, protocol: Protocol) -> Official:
    """The exporter of a signal and a protocol."""
    is_grpc = protocol == "grpc"
    if signal == "metrics":
        metrics = build_metrics(SAMPLES[signal])
        module: Any = grpc_metrics if is_grpc else http_metrics
        return Official(module.OTLPMetricExporter, metrics, metrics_json(metrics))
    if signal == "traces":
        spans = [build_span(SAMPLES[signal])]
        module = grpc_traces if is_grpc else http_traces
        return Official(module.OTLPSpanExporter, spans, request_json(encode_spans(spans)))
    logs = [build_log(SAMPLES[signal])]
    module = grpc_logs if is_grpc else http_logs
    return Official(module.OTLPLogExporter, logs, request_json(encode_logs(logs)))


def send_theirs(signal: Signal, protocol: Protocol) -> None:
    """Let OpenTelemetry's exporter send, configured by the process's environment."""
    exporter = official(signal, protocol).make()
    try:
        exporter.export(official(signal, protocol).data)
    finally:
        exporter.shutdown()


def send_ours(signal: Signal, protocol: Protocol) -> None:
    """Send the same by the same environment; their exporters have the protocol in their names, not in a variable."""
    environ = {**os.environ, f"{PREFIX}PROTOCOL": protocol}
    with transports(environ) as made:
        made[signal].send(signal, [official(signal, protocol).line])


def both(receiver: FakeReceiver, signal: Signal, protocol: Protocol) -> tuple[list[Request], list[Request]]:
    """What the receiver got of theirs and of ours."""
    send_theirs(signal, protocol)
    count = len(receiver.requests)
    send_ours(signal, protocol)
    return receiver.requests[:count], receiver.requests[count:]


def wanted(request: Request, *without: str) -> tuple[str, dict[str, Any], Any]:
    """What the variables asked for, and the message."""
    skipped = INCIDENTAL.union(without)
    headers = {name: value for name, value in request.headers.items() if name not in skipped}
    return request.path, headers, request.message


@contextmanager
def relay(endpoint: str) -> Iterator[tuple[str, list[int]]]:
    """A port that passes one connection on, and the sizes of what its client sent."""
    host, _, port = endpoint.partition("//")[2].partition(":")
    sent: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            client, _ = listener.accept()
            with client, socket.create_connection((host, int(port))) as server:
                back = threading.Thread(target=_copy, args=(server, client, []))
                back.start()
                _copy(client, server, sent)
                server.shutdown(socket.SHUT_RDWR)
                back.join()

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", sent
        thread.join()


def _copy(source: socket.socket, target: socket.socket, sizes: list[int]) -> None:
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            return
        if not data:
            return
        sizes.append(len(data))
        target.sendall(data)
