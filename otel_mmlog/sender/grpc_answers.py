"""What a gRPC status means for the lines that were sent."""

from collections.abc import Iterable, Sequence
from typing import Literal

from otel_mmlog.sender.answers import MAX_RETRY_AFTER_S, one_line
from otel_mmlog.sender.protobuf_answers import delay_s, retry_delay_s
from otel_mmlog.sender.types import Answer

# INTERNAL and UNKNOWN are what a server's 500, or a broken stream, come to.
_RETRY = frozenset(
    (
        "ABORTED",
        "CANCELLED",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "INTERNAL",
        "OUT_OF_RANGE",
        "UNAVAILABLE",
        "UNKNOWN",
    )
)
_ADVICE = {
    "UNAUTHENTICATED": "Check OTEL_EXPORTER_OTLP_HEADERS",
    "PERMISSION_DENIED": "Check OTEL_EXPORTER_OTLP_HEADERS",
    "UNIMPLEMENTED": "Is it an OTLP server, and does it take this signal?",
}


def grpc_answer(
    code: str, message: str, trailers: Iterable[tuple[str, str | bytes]], *, secrets: Sequence[str] = ()
) -> Answer:
    """Return what to do about an RPC that did not succeed.

    Args:
        code: The status code's name, such as ``UNAVAILABLE``.
        message: The status message.
        trailers: Trailing metadata, where servers put RetryInfo.
        secrets: Strings that must not get into the answer's detail.
    """
    retry_after_s = _retry_after_s(trailers)
    kind = _kind(code, can_retry=retry_after_s is not None)
    words = (f"gRPC {code}", message, _ADVICE.get(code, ""))
    return Answer(
        kind=kind,
        detail=one_line(": ".join(filter(None, words)), secrets),
        retry_after_s=retry_after_s if kind == "retry" else None,
    )


def _kind(code: str, *, can_retry: bool) -> Literal["retry", "split", "pause", "bad"]:
    if code in _RETRY:
        return "retry"
    if code == "RESOURCE_EXHAUSTED":
        return "retry" if can_retry else "split"
    return "bad" if code == "INVALID_ARGUMENT" else "pause"


def _retry_after_s(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    for name, value in trailers:
        if not isinstance(value, bytes):
            continue
        wait_s = None
        if name == "grpc-status-details-bin":
            wait_s = retry_delay_s(value)
        elif name == "google.rpc.retryinfo-bin":  # what OpenTelemetry's exporter for Python reads
            wait_s = delay_s(value)
        if wait_s is not None:
            return min(wait_s, MAX_RETRY_AFTER_S)
    return None
