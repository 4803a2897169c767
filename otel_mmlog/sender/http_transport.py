"""OTLP over HTTP: JSON lines as they are, or as protobuf."""

import gzip
import time
import zlib
from collections.abc import Callable, Sequence
from http.client import BadStatusLine
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from otel_mmlog._version import __version__
from otel_mmlog.sender.answers import HttpResponse, http_answer, one_line
from otel_mmlog.sender.bounded_body import read_body
from otel_mmlog.sender.endpoints import Endpoint, secrets
from otel_mmlog.sender.loopback import is_loopback
from otel_mmlog.sender.splice import MalformedLineError, splice
from otel_mmlog.sender.timed_session import timed_session
from otel_mmlog.sender.types import Answer, Signal

# No variable of a proxy counts then, ALL_PROXY included.
_DIRECTLY = {"http": "", "https": "", "all": ""}
_CONTENT_TYPES = {"json": "application/json", "protobuf": "application/x-protobuf"}
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),
    "deflate": zlib.compress,
}


class HttpTransport:
    """Posts to one URL.

    Args:
        endpoint: Where and how.
        encoding: Of the body; None for what the endpoint's protocol says.
        session: Holds the connections; None for one of its own.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        encoding: Literal["json", "protobuf"] | None = None,
        session: requests.Session | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._session = session or timed_session()
        self._encoding = encoding or ("protobuf" if endpoint.protocol == "http/protobuf" else "json")
        self._secrets = secrets(endpoint)
        self._is_local = is_loopback(endpoint)
        self._may_use_netrc = self._is_local or endpoint.url.startswith("https:")
        self._headers = {
            "User-Agent": f"otel-mmlog/{__version__}",
            "Accept-Encoding": "identity",
            **dict(endpoint.headers),
            "Content-Type": _CONTENT_TYPES[self._encoding],
        }
        if endpoint.compression != "none":
            self._headers["Content-Encoding"] = endpoint.compression

    def as_protobuf(self) -> "HttpTransport | None":
        """Return a transport to the same URL that sends protobuf, or None if this one does."""
        if self._encoding == "protobuf":
            return None
        return HttpTransport(self._endpoint, "protobuf", self._session)

    def send(self, signal: Signal, lines: Sequence[bytes]) -> Answer:
        """Send and wait for the answer; whatever network and server do is an `Answer`, never an exception."""
        try:
            body = self._body(signal, lines)
        except MalformedLineError as error:
            return Answer("bad", one_line(str(error)))
        try:
            response = self._post(body)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return self._failure(error)
        return http_answer(response, now_s=time.time(), secrets=self._secrets)

    def close(self) -> None:
        """Release connections."""
        self._session.close()

    def _body(self, signal: Signal, lines: Sequence[bytes]) -> bytes:
        if self._encoding == "json":
            body = splice(signal, lines)
        else:
            from otel_mmlog.sender.protobuf_json import serialize  # noqa: PLC0415 - JSON needs no protobuf

            body = serialize(signal, lines)
        return _COMPRESS[self._endpoint.compression](body)

    def _post(self, body: bytes) -> HttpResponse:
        tls, timeout_s = self._endpoint.tls, self._endpoint.timeout_s
        # `verify` is an argument here because requests lets CA variables win over the session's own.
        response = self._session.post(
            self._endpoint.url,
            data=body,
            headers=self._headers,
            auth=None if self._may_use_netrc and "authorization" not in self._headers else _as_it_is,
            verify=str(tls.certificate) if tls.certificate else True,
            cert=_client_certificate(self._endpoint),
            timeout=timeout_s,
            proxies=dict(_DIRECTLY) if self._is_local else None,  # requests adds to it
            allow_redirects=False,
            stream=True,
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpResponse(response.status_code, headers, read_body(response.raw, timeout_s))

    def _failure(self, error: Exception) -> Answer:
        where = urlsplit(self._endpoint.url).netloc
        if isinstance(error, ValueError):
            # Its own words may hold a proxy's password.
            words = f"{where} cannot be asked: its URL, a proxy's URL or a header is refused as {type(error).__name__}"
            return Answer("pause", one_line(words, self._secrets))
        if not isinstance(error, (requests.RequestException, HTTPError)):
            return Answer("pause", one_line(f"a TLS file cannot be read: {error}"))
        if isinstance(error, requests.Timeout):
            words = f"{where} did not answer within {self._endpoint.timeout_s:g} s"
        else:
            words = f"no answer from {where}: {_root(error)}"
        return Answer("retry", one_line(words, self._secrets))


def _as_it_is(request: Any) -> Any:
    """Keep requests from sending what ``.netrc`` has for the host, in plain text or in place of a header."""
    return request


def _client_certificate(endpoint: Endpoint) -> str | tuple[str, str] | None:
    certificate, key = endpoint.tls.client_certificate, endpoint.tls.client_key
    if certificate is None:
        return None
    return (str(certificate), str(key)) if key else str(certificate)


def _root(error: BaseException) -> str:
    """Return the words of the first cause: what is wrapped around it repeats URLs, perhaps a proxy's password."""
    while isinstance(error, (requests.RequestException, HTTPError)):
        cause = error.__cause__ or error.__context__
        if cause is None:
            break
        error = cause
    if isinstance(error, BadStatusLine):
        return "what came back is not HTTP/1.1 (a gRPC server?)"
    return str(error) or type(error).__name__
