"""What OpenTelemetry's own encoder makes of SDK metrics, as OTLP JSON."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData

from otel_mmlog.core.escape import escape_json

_IDS = frozenset(["traceId", "spanId", "parentSpanId"])


def metrics_json(data: MetricsData) -> bytes:
    """Return one request line; raises what the encoder raises for a value that OTLP cannot hold."""
    return request_json(encode_metrics(data))


def request_json(message: Message) -> bytes:
    """Return a request message as one OTLP JSON line: enums as integers, ids in hex."""
    return _json(_mapped(message)) + b"\n"


def _mapped(message: Message) -> Any:
    return _hex_ids(MessageToDict(message, use_integers_for_enums=True))


def _json(mapped: Any) -> bytes:
    return escape_json(
        json.dumps(mapped, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    ).encode()


def _hex_ids(node: Any) -> Any:
    """Turn protobuf's base64 into hex for the ids alone: attribute names are never keys of the mapping."""
    if isinstance(node, Mapping):
        return {key: _hex(value) if key in _IDS else _hex_ids(value) for key, value in node.items()}
    return [_hex_ids(item) for item in node] if isinstance(node, list) else node


def _hex(base64_text: str) -> str:
    return base64.b64decode(base64_text).hex()
