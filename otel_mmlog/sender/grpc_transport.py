"""OTLP over gRPC."""

from collections.abc import Sequence
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types

from otel_mmlog.sender.answers import delivered, one_line
from otel_mmlog.sender.endpoints import Endpoint, secrets
from otel_mmlog.sender.grpc_answers import grpc_answer
from otel_mmlog.sender.grpc_channel import GrpcChannel
from otel_mmlog.sender.protobuf_answers import partial_success
from otel_mmlog.sender.protobuf_json import serialize
from otel_mmlog.sender.splice import MalformedLineError
from otel_mmlog.sender.types import Answer, Signal

_METHODS: dict[Signal, str] = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}


class GrpcTransport:
    """Calls the Export methods of one endpoint.

    Args:
        endpoint: Where and how.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = GrpcChannel(endpoint)
        self._secrets = secrets(endpoint)
        self._metadata = tuple(
            (name, value.encode() if name.endswith("-bin") else value) for name, value in endpoint.headers
        )
        self._compression = (
            grpc.Compression.Gzip if endpoint.compression == "gzip" else grpc.Compression.NoCompression
        )

    def send(self, signal: Signal, lines: Sequence[bytes]) -> Answer:
        """Send and wait for the answer; whatever network and server do is an `Answer`, never an exception."""
        try:
            request = serialize(signal, lines)
        except MalformedLineError as error:
            return Answer("bad", one_line(str(error)))
        try:
            response = self._call(_METHODS[signal], request)
        except grpc.RpcError as error:
            return self._refused(error)
        except OSError as error:
            return Answer("pause", one_line(f"a TLS file cannot be read: {error}"))
        except ValueError as error:
            return Answer("retry", one_line(f"{self._endpoint.url} was not called: {error}", self._secrets))
        found = partial_success(response)
        return delivered(*found, self._secrets) if found else Answer("delivered", "the response is not OTLP")

    def close(self) -> None:
        """Release connections."""
        self._channel.close()

    def _call(self, method: str, request: bytes) -> bytes:
        return self._channel.call(
            method,
            request,
            self._metadata,
            timeout=self._endpoint.timeout_s,
            compression=self._compression,
        )

    def _refused(self, error: Any) -> Answer:
        code = error.code().name
        if code == "DEADLINE_EXCEEDED":
            self._channel.close()  # a connection whose other end vanished would stay silent for many minutes
        trailers = error.trailing_metadata() or ()
        message = f"{error.details() or 'no reason given'} ({self._endpoint.url})"
        return grpc_answer(code, message, trailers, secrets=self._secrets)
