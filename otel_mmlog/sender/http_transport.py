"""OTLP over HTTP: JSON lines as they are, or as protobuf."""

import time
import zlib
from collections.abc import Callable, Sequence
from typing import Literal

from otel_mmlog._version import __version__
from otel_mmlog.sender.answers import http_answer, one_line
from otel_mmlog.sender.endpoints import Endpoint, secrets
from otel_mmlog.sender.posting import NotPostedError, Poster
from otel_mmlog.sender.splice import MalformedLineError, splice
from otel_mmlog.sender.types import Answer, Signal

_GZIP_LEVEL = 3
"""Half the time of the usual 6, which would be most of a sender's, for a quarter to a half more bytes."""

_GZIP_WINDOW_BITS = 31
_CONTENT_TYPES = {"json": "application/json", "protobuf": "application/x-protobuf"}


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW_BITS)
    return compressor.compress(body) + compressor.flush()


_COMPRESS: dict[str, Callable[[bytes], bytes]] = {"none": bytes, "gzip": _gzip, "deflate": zlib.compress}


class HttpTransport:
    """Posts to one URL.

    Args:
        endpoint: Where and how.
        encoding: Of the body; None for what the endpoint's protocol says.
        poster: Holds the connections; None for one of its own.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        encoding: Literal["json", "protobuf"] | None = None,
        poster: Poster | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._poster = poster or make_poster(endpoint)
        self._encoding = encoding or ("protobuf" if endpoint.protocol == "http/protobuf" else "json")
        self._secrets = secrets(endpoint)
        self._headers = {
            "user-agent": f"otel-mmlog/{__version__}",
            "accept-encoding": "identity",
            **dict(endpoint.headers),
            "content-type": _CONTENT_TYPES[self._encoding],
        }
        if endpoint.compression != "none":
            self._headers["content-encoding"] = endpoint.compression

    def as_protobuf(self) -> "HttpTransport | None":
        """Return a transport to the same URL that sends protobuf, or None if this one does."""
        if self._encoding == "protobuf":
            return None
        return HttpTransport(self._endpoint, "protobuf", self._poster)

    def send(self, signal: Signal, lines: Sequence[bytes]) -> Answer:
        """Send and wait for the answer; whatever network and server do is an `Answer`, never an exception."""
        try:
            body = self._body(signal, lines)
        except MalformedLineError as error:
            return Answer("bad", one_line(str(error)))
        try:
            response = self._poster.post(body, self._headers)
        except NotPostedError as error:
            return Answer(error.kind, one_line(str(error), self._secrets))
        return http_answer(response, now_s=time.time(), secrets=self._secrets)

    def close(self) -> None:
        """Release connections."""
        self._poster.close()

    def _body(self, signal: Signal, lines: Sequence[bytes]) -> bytes:
        if self._encoding == "json":
            body = splice(signal, lines)
        else:
            from otel_mmlog.sender.protobuf_json import serialize  # noqa: PLC0415 - JSON needs no protobuf

            body = serialize(signal, lines)
        return _COMPRESS[self._endpoint.compression](body)


def make_poster(endpoint: Endpoint) -> Poster:
    """Return what reaches an endpoint with the least."""
    if endpoint.straight:
        from otel_mmlog.sender.plain_poster import PlainPoster  # noqa: PLC0415 - see there

        return PlainPoster(endpoint)
    from otel_mmlog.sender.requests_poster import RequestsPoster  # noqa: PLC0415 - 7 MB

    return RequestsPoster(endpoint)
