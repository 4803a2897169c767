"""Bodies as protobuf messages: what a server of OTLP makes of them, with protobuf's own reader."""

import base64
import json
from typing import Any, Literal, TypeAlias

from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Signal = Literal["metrics", "logs", "traces"]
Message: TypeAlias = "ExportMetricsServiceRequest | ExportLogsServiceRequest | ExportTraceServiceRequest"
SIGNALS: tuple[Signal, ...] = ("metrics", "logs", "traces")
_REQUESTS: dict[Signal, type[Message]] = {
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
_RESPONSES: dict[Signal, tuple[Any, str]] = {
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
}
_IDS = ("traceId", "spanId", "parentSpanId")


def decode_json(signal: Signal, body: bytes) -> Message:
    """Return the request of a JSON body; fields that are not known are left out, as the specification says.

    Raises:
        ValueError: It is not OTLP JSON.
    """
    message: Message = ParseDict(
        _base64_ids(json.loads(body)), _REQUESTS[signal](), ignore_unknown_fields=True
    )
    return message


def decode_protobuf(signal: Signal, body: bytes) -> Message:
    """Return the request of a protobuf body; raises ``google.protobuf.message.DecodeError`` for what is none."""
    message: Message = _REQUESTS[signal].FromString(body)
    return message


def response_message(signal: Signal, rejected: int, message: str) -> Any:
    """Return the response of a server that took the request apart from some items."""
    response, field = _RESPONSES[signal]
    if not rejected and not message:
        return response()
    return response(partial_success={field: rejected, "error_message": message})


def _base64_ids(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode()
            if key in _IDS and isinstance(value, str)
            else _base64_ids(value)
            for key, value in node.items()
        }
    return [_base64_ids(item) for item in node] if isinstance(node, list) else node
