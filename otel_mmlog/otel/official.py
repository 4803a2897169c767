"""What OpenTelemetry's own encoders make of SDK spans and metrics, as OTLP JSON."""

import base64
import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_mmlog.core.escape import escape_json

_IDS = frozenset(["traceId", "spanId", "parentSpanId"])
_EMPTY_RESOURCE = b'{"resourceSpans":[{"resource":{},'


class SpansJson:
    """Encodes spans as `spans_json` does, but their resource once only: it is most of a request of one span."""

    def __init__(self) -> None:
        self._known = _SharedResource(Resource({}), Resource({}), _EMPTY_RESOURCE)

    def __call__(self, spans: Sequence[ReadableSpan]) -> bytes:
        """Return one request line; raises what the encoder raises for a value that OTLP cannot hold."""
        if type(spans[0]) is not ReadableSpan or len(spans) > 1:
            return spans_json(spans)
        span, known = copy.copy(spans[0]), self._known
        if span.resource is not known.resource:
            known = self._known = _shared_resource(span)
        span._resource = known.empty
        return spans_json([span]).replace(_EMPTY_RESOURCE, known.head, 1)


class _SharedResource(NamedTuple):
    resource: Resource
    empty: Resource
    head: bytes


def _shared_resource(span: ReadableSpan) -> _SharedResource:
    mapped = _mapped(encode_spans([span]))["resourceSpans"][0]["resource"]
    head = _EMPTY_RESOURCE.replace(b"{}", _json(mapped), 1)
    return _SharedResource(span.resource, Resource({}, span.resource.schema_url), head)


def spans_json(spans: Sequence[ReadableSpan]) -> bytes:
    """Return one request line; raises what the encoder raises for a value that OTLP cannot hold."""
    return request_json(encode_spans(spans))


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
