"""Journal lines as protobuf: plain data renamed and retyped as the descriptors say, then built in one call."""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_mmlog.sender.splice import LISTS, MalformedLineError
from otel_mmlog.sender.types import Signal

Request = ExportMetricsServiceRequest | ExportLogsServiceRequest | ExportTraceServiceRequest
_Convert = Callable[[Any], Any]
_REQUESTS: dict[Signal, type[Request]] = {
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})  # OTLP has these in hex, not in base64


def serialize(signal: Signal, lines: Iterable[bytes]) -> bytes:
    """Return one serialized request of all lines.

    Raises:
        MalformedLineError: A line is not OTLP JSON.
    """
    # Messages one behind the other are one message with their lists joined.
    return b"".join([build_request(signal, line).SerializeToString() for line in lines])


def build_request(signal: Signal, line: bytes) -> Request:
    """Return the request message of a line; fields that the installed messages do not know are left out.

    Raises:
        MalformedLineError: The line is not OTLP JSON.
    """
    message = _REQUESTS[signal]
    try:
        request = json.loads(line)
        return message(**_convert_message(_plan(message.DESCRIPTOR), {LISTS[signal]: request[LISTS[signal]]}))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise MalformedLineError(f"a line is not an OTLP JSON request of {signal}: {error}") from None


_Plan = dict[str, tuple[str, "_Convert | None"]]
_PLANS: dict[str, _Plan] = {}
_LOCK = threading.RLock()


def _plan(descriptor: Descriptor) -> _Plan:
    """Return JSON name -> field name and how to convert its value (None: as it is) of a message type."""
    with _LOCK:  # the signals are sent by threads, and a plan that is half made would leave fields out
        plan = _PLANS.get(descriptor.full_name)
        if plan is None:
            plan = _PLANS[descriptor.full_name] = {}  # before its fields: a value may hold values
            for field in descriptor.fields:
                plan[field.json_name] = plan[field.name] = (field.name, _converter(field))
        return plan


def _converter(field: FieldDescriptor) -> _Convert | None:
    one = _converter_of_one(field)
    if not _is_repeated(field):
        return one
    return lambda items: _convert_list(one, items)


def _converter_of_one(field: FieldDescriptor) -> _Convert | None:
    if field.message_type is not None:
        plan = _plan(field.message_type)
        return lambda node: _convert_message(plan, node)
    if field.name in _IDS:
        return bytes.fromhex
    return _BY_TYPE.get(field.cpp_type) if field.type != FieldDescriptor.TYPE_BYTES else _bytes


def _is_repeated(field: FieldDescriptor) -> bool:
    # Recent versions have is_repeated and warn of label, older ones have label alone.
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


def _convert_list(convert: _Convert | None, items: Any) -> list[Any]:
    if not isinstance(items, list):
        raise TypeError(f"a {type(items).__name__} where a list belongs")
    return items if convert is None else [convert(item) for item in items]


def _convert_message(plan: _Plan, node: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in node.items():
        field = plan.get(key)
        if field is not None and value is not None:
            name, convert = field
            fields[name] = value if convert is None else convert(value)
    return fields


def _integer(value: Any) -> Any:
    """Return an integer of any of the forms that JSON has for it; what is none, the message refuses."""
    if isinstance(value, str):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _double(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def _bytes(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


_BY_TYPE: dict[int, _Convert] = {
    FieldDescriptor.CPPTYPE_INT32: _integer,
    FieldDescriptor.CPPTYPE_INT64: _integer,
    FieldDescriptor.CPPTYPE_UINT32: _integer,
    FieldDescriptor.CPPTYPE_UINT64: _integer,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _double,
}
