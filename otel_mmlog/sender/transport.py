"""The transports of a process: one a signal, and only what its protocol needs imported."""

from collections.abc import Mapping

from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.types import Signal, Transport


def make_transports(endpoints: Mapping[Signal, Endpoint]) -> dict[Signal, Transport]:
    """Return a transport for each endpoint, each for one thread; nothing is connected before the first request."""
    return {signal: _make(endpoint) for signal, endpoint in endpoints.items()}


def protobuf_fallback(transport: Transport) -> Transport | None:
    """Return a transport that sends the same endpoint protobuf instead of JSON, or None if this one does.

    It has the same connections: closing one closes both.
    """
    switch = getattr(transport, "as_protobuf", None)
    fallback: Transport | None = switch() if switch else None
    return fallback


def _make(endpoint: Endpoint) -> Transport:
    if endpoint.protocol == "grpc":
        from otel_mmlog.sender.grpc_transport import GrpcTransport  # noqa: PLC0415 - 20 MB that HTTP does not need

        return GrpcTransport(endpoint)
    from otel_mmlog.sender.http_transport import HttpTransport  # noqa: PLC0415 - 10 MB that gRPC does not need

    return HttpTransport(endpoint)
