"""Answers in protobuf: OTLP's partial success, and google.rpc.Status with its RetryInfo."""

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse


def partial_success(body: bytes) -> tuple[int, str] | None:
    """Return the rejected items and the message of any signal's response, or None for what is not one."""
    # The three responses have the same field numbers and types, so that one message reads them all.
    try:
        partial = ExportMetricsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return None
    return max(partial.rejected_data_points, 0), partial.error_message


def status_message(body: bytes) -> str:
    """Return what a google.rpc.Status says, or an empty string if it is none."""
    try:
        return str(Status.FromString(body).message)
    except DecodeError:
        return ""


def retry_delay_s(status: bytes) -> float | None:
    """Return the wait that a google.rpc.Status asks for, or None."""
    try:
        for detail in Status.FromString(status).details:
            if detail.Is(RetryInfo.DESCRIPTOR):
                return delay_s(detail.value)
    except DecodeError:
        return None
    return None


def delay_s(retry_info: bytes) -> float | None:
    """Return the wait of a RetryInfo, or None if it has none."""
    try:
        info = RetryInfo.FromString(retry_info)
    except DecodeError:
        return None
    if not info.HasField("retry_delay"):
        return None
    wait_s: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
    return max(wait_s, 0.0)
