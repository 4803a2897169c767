"""What each status of a gRPC server means, without a network."""

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]  # ships no types
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from otel_mmlog.sender.answers import MAX_RETRY_AFTER_S
from otel_mmlog.sender.grpc_answers import grpc_answer
from otel_mmlog.sender.types import Answer


def retry_info(seconds: float, *, with_delay: bool = True) -> RetryInfo:
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return RetryInfo(retry_delay=delay) if with_delay else RetryInfo()


def status_details(*details: object) -> bytes:
    """A ``grpc-status-details-bin`` trailer."""
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    status: bytes = Status(details=packed).SerializeToString()
    return status


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS"], "retry"),
        (["INTERNAL", "UNKNOWN"], "retry"),
        (["RESOURCE_EXHAUSTED"], "split"),
        (["INVALID_ARGUMENT"], "bad"),
        (["UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "NOT_FOUND"], "pause"),
        (["FAILED_PRECONDITION", "ALREADY_EXISTS"], "pause"),
    ],
)
def test_grpc_codes(codes: list[str], kind: str) -> None:
    """Which codes wait, split, stop, or say that a line is bad."""
    assert {code: grpc_answer(code, "", ()).kind for code in codes} == dict.fromkeys(codes, kind)


@pytest.mark.parametrize(
    "trailer",
    [
        ("grpc-status-details-bin", status_details(ErrorInfo(reason="x"), retry_info(1.5))),
        ("google.rpc.retryinfo-bin", retry_info(1.5).SerializeToString()),
    ],
)
@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
def test_retry_info(code: str, trailer: tuple[str, bytes]) -> None:
    """A RetryInfo says how long to wait, and makes an exhausted resource one that comes back."""
    found = grpc_answer(code, "slow down", [("other", "x"), trailer])
    assert found == Answer("retry", f"gRPC {code}: slow down", retry_after_s=1.5)


@pytest.mark.parametrize(
    "trailer",
    [
        ("grpc-status-details-bin", b"\xff"),
        ("grpc-status-details-bin", status_details(ErrorInfo(reason="x"))),
        ("grpc-status-details-bin", status_details(retry_info(0, with_delay=False))),
        ("google.rpc.retryinfo-bin", b"\xff"),
        ("google.rpc.retryinfo-bin", "text"),
    ],
)
def test_without_retry_info_an_exhausted_resource_splits(trailer: tuple[str, "bytes | str"]) -> None:
    """Details of other kinds, or ones that cannot be read, are as good as none."""
    assert grpc_answer("RESOURCE_EXHAUSTED", "message too large", [trailer]).kind == "split"


def test_a_pause_has_no_retry_info() -> None:
    """A RetryInfo does not turn a refusal into a retry, and is bounded where it counts."""
    trailer = ("grpc-status-details-bin", status_details(retry_info(1e6)))
    assert grpc_answer("UNIMPLEMENTED", "", [trailer]).retry_after_s is None
    assert grpc_answer("UNAVAILABLE", "", [trailer]).retry_after_s == MAX_RETRY_AFTER_S


def test_grpc_details_never_repeat_secrets() -> None:
    """The status message is one line without credentials."""
    found = grpc_answer("UNAUTHENTICATED", "bad\ntoken s3cr3t", (), secrets=["s3cr3t"])
    assert found.detail == "gRPC UNAUTHENTICATED: bad token ***: Check OTEL_EXPORTER_OTLP_HEADERS"
