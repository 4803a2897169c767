"""One gRPC connection to a target, made when it is first needed and anew when it went silent."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types

from otel_mmlog._version import __version__
from otel_mmlog.sender.endpoints import Endpoint, Tls
from otel_mmlog.sender.loopback import is_loopback

_OPTIONS = (
    ("grpc.primary_user_agent", f"otel-mmlog/{__version__}"),
    ("grpc.enable_retries", 0),
    (
        "grpc.use_local_subchannel_pool",
        1,
    ),  # else a connection that was closed here lives on in another channel
    # A channel that failed refuses calls until its own back-off is over, two minutes by default; ours decides.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5000),
)


class GrpcChannel:
    """Calls that take and return serialized messages.

    Args:
        endpoint: Its URL, TLS files and whether it has TLS count.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel: Any = None

    def call(
        self, method: str, request: bytes, metadata: Sequence[tuple[str, str | bytes]], **options: Any
    ) -> bytes:
        """Return the response of a unary method.

        Args:
            method: ``/package.Service/Method``.
            request: The serialized message.
            metadata: Headers.
            options: ``timeout`` in seconds and ``compression``, as gRPC takes them.

        Raises:
            grpc.RpcError: It did not succeed.
            OSError: A TLS file cannot be read.
            ValueError: Another thread closed the connection.
        """
        if self._channel is None:
            self._channel = _open(self._endpoint)
        response: bytes = self._channel.unary_unary(method)(request, metadata=metadata, **options)
        return response

    def close(self) -> None:
        """Close the connection; calls in flight are cancelled, the next one opens another."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def _open(endpoint: Endpoint) -> Any:
    options = (*_OPTIONS, ("grpc.enable_http_proxy", 0 if is_loopback(endpoint) else 1))
    if endpoint.insecure:
        return grpc.insecure_channel(endpoint.url, options=options)
    return grpc.secure_channel(endpoint.url, _credentials(endpoint.tls), options=options)


def _credentials(tls: Tls) -> Any:
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.certificate),
        private_key=_read(tls.client_key or tls.client_certificate),
        certificate_chain=_read(tls.client_certificate),
    )


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None
