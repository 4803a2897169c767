"""Where one signal goes, and how: what the variables come to, as a value that shows no secret."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from otel_mmlog.sender.credentials import basic_forms
from otel_mmlog.sender.types import Signal

Protocol = Literal["http/json", "http/protobuf", "grpc"]
Compression = Literal["none", "gzip", "deflate"]
_MIN_SECRET_CHARS = 4


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a TLS connection.

    Attributes:
        certificate: Certificates to trust instead of the usual ones, or None.
        client_certificate: What we show of ourselves, or None.
        client_key: Its private key, or None if `client_certificate` holds that too.
    """

    certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the requests of one signal go; its repr has no header value and no query.

    Attributes:
        signal: Whose requests.
        protocol: Encoding and transport.
        url: ``http(s)://host[:port]/path`` for HTTP, the channel's target (``host:port``) for gRPC; without user info.
        insecure: Whether a gRPC channel has no TLS; for HTTP the URL's scheme says it.
        headers: Lower-case names and values.
        timeout_s: For a connection, and again for an answer.
        compression: Of the body.
        tls: Certificates.
        straight: Whether `goes_straight` says so of it.
        hidden: What else no message may repeat, such as the password of a proxy.
    """

    signal: Signal
    protocol: Protocol
    url: str = field(repr=False)
    insecure: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 10.0
    compression: Compression = "none"
    tls: Tls = Tls()
    straight: bool = False
    hidden: tuple[str, ...] = field(default=(), repr=False)


def describe(endpoint: Endpoint) -> str:
    """Return the endpoint for a person, without a secret: ``http://localhost:4318/v1/logs (http/json, gzip)``."""
    words: list[str] = [endpoint.protocol]
    if endpoint.compression != "none":
        words.append(endpoint.compression)
    if endpoint.protocol == "grpc":
        words.append("no TLS" if endpoint.insecure else "TLS")
    return f"{url_without_secrets(endpoint.url)} ({', '.join(words)})"


def url_without_secrets(url: str) -> str:
    """Return a URL, however malformed, without its user info and query."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    if "@" in rest:
        rest = "***@" + rest.rpartition("@")[2]
    for mark in "?#":
        if mark in rest:
            rest = rest.partition(mark)[0] + f"{mark}***"
    return f"{scheme}{separator}{rest}"


def secrets(endpoint: Endpoint) -> list[str]:
    """Return the strings that no message may repeat, should a server echo them; the longest first."""
    found = {text for text in _secrets(endpoint) if len(text) >= _MIN_SECRET_CHARS}
    return sorted(found, key=len, reverse=True)


def _secrets(endpoint: Endpoint) -> Iterator[str]:
    yield urlsplit(endpoint.url).query
    yield from endpoint.hidden
    for name, value in endpoint.headers:
        yield value if value.strip("=") else name  # base64 alone, taken for a name
        scheme, space, credentials = value.partition(" ")
        if space and scheme.isalpha():
            yield credentials
        if scheme.lower() == "basic":
            yield from basic_forms(credentials)
