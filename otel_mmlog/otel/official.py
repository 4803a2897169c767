"""What OpenTelemetry's own encoders make of SDK spans and metrics, as OTLP JSON."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

_IDS = frozenset(["traceId", "spanId", "parentSpanId"])


def spans_json(spans: Sequence[ReadableSpan]) -> bytes:
    """Return one request line; raises what the encoder raises for a value that OTLP cannot hold."""
    return request_json(encode_spans(spans))


def metrics_json(data: MetricsData) -> bytes:
    """Return one request line; raises what the encoder raises for a value that OTLP cannot hold."""
    return request_json(encode_metrics(data))


def request_json(message: Message) -> bytes:
    """Return a request message as one OTLP JSON line: enums as integers, ids in hex."""
    mapped = MessageToDict(message, use_integers_for_enums=True)
    text = json.dumps(_hex_ids(mapped), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _hex_ids(node: Any) -> Any:
    """Turn protobuf's base64 into hex for the ids alone: attribute names are never keys of the mapping."""
    if isinstance(node, Mapping):
        return {key: _hex(value) if key in _IDS else _hex_ids(value) for key, value in node.items()}
    return [_hex_ids(item) for item in node] if isinstance(node, list) else node


def _hex(base64_text: str) -> str:
    return base64.b64decode(base64_text).hex()
