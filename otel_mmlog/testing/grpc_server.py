"""The gRPC side of a fake receiver."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]  # ships no types
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from otel_mmlog.testing.messages import Signal, response_message
from otel_mmlog.testing.script import Reply, Request
from otel_mmlog.testing.server_tls import Tls

_SERVICES: dict[Signal, str] = {
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
}
_THREADS = 8
_STOP_TIMEOUT_S = 5.0


class GrpcServer:
    """Listens on a free port until `close`.

    Args:
        handle: Says what to answer.
        tls: Or None for none.
        port: 0 for a free one.
    """

    def __init__(self, handle: Callable[[Request], Reply], tls: Tls | None, port: int) -> None:
        self._handle = handle
        self._threads = ThreadPoolExecutor(_THREADS, "fake-otlp-grpc")
        self._server = grpc.server(self._threads)
        for signal, service in _SERVICES.items():
            method = grpc.unary_unary_rpc_method_handler(partial(self._export, signal))
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": method}),)
            )
        self.port = self._listen(f"127.0.0.1:{port}", tls)
        self._server.start()

    def close(self) -> None:
        """Stop, and end the calls that wait."""
        self._server.stop(grace=None).wait(_STOP_TIMEOUT_S)
        self._threads.shutdown()

    def _listen(self, address: str, tls: Tls | None) -> int:
        if tls is None:
            return int(self._server.add_insecure_port(address))
        credentials = grpc.ssl_server_credentials(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())],
            root_certificates=tls.client_authority.read_bytes() if tls.client_authority else None,
            require_client_auth=tls.client_authority is not None,
        )
        return int(self._server.add_secure_port(address, credentials))

    def _export(self, signal: Signal, body: bytes, context: Any) -> bytes:
        names = context.auth_context().get("x509_common_name", ())
        request = Request(
            signal=signal,
            protocol="grpc",
            path=f"/{_SERVICES[signal]}/Export",
            headers=dict(context.invocation_metadata()),
            body=body,
            client=names[0].decode() if names else None,
        )
        reply = self._handle(request)
        if reply.code != "OK":
            _refuse(context, reply)
            return b""
        response: bytes = response_message(signal, reply.rejected, reply.message).SerializeToString()
        return response


def _refuse(context: Any, reply: Reply) -> None:
    trailers = list(reply.headers.items())
    if reply.retry_after is not None:
        trailers.append(("grpc-status-details-bin", _status_with_delay(float(reply.retry_after))))
    context.set_trailing_metadata(tuple(trailers))
    context.set_code(grpc.StatusCode[reply.code])
    context.set_details(reply.message)


def _status_with_delay(delay_s: float) -> Any:
    delay = Duration()
    delay.FromNanoseconds(round(delay_s * 1e9))
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=delay))
    return Status(details=[detail]).SerializeToString()
