"""Which machine and port an endpoint comes to, and through which proxy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.loopback import is_loopback

_RESOLVER = re.compile(r"(dns:(//[^/]*/)?|ipv4:|ipv6:)")
_GRPC_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a connection goes.

    Attributes:
        host: A name or an address.
        port: Its port.
        has_tls: Whether TLS is spoken there.
        proxy: The URL of the proxy that is asked for it, perhaps with a password; empty for none.
    """

    host: str
    port: int
    has_tls: bool
    proxy: str = ""

    def __str__(self) -> str:
        """``localhost:4318``; ``[::1]:4318``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def target_of(endpoint: Endpoint, environ: Mapping[str, str]) -> Target | None:
    """Return the target of an endpoint; None for a socket file, and for what cannot be read as host and port."""
    if endpoint.protocol != "grpc":
        parts = urlsplit(endpoint.url)
        has_tls = parts.scheme == "https"
        proxy = "" if is_loopback(endpoint) else _http_proxy(endpoint.url)
        return Target(parts.hostname or "", parts.port or (443 if has_tls else 80), has_tls, proxy)
    if endpoint.url.startswith("unix"):
        return None
    try:
        parts = urlsplit("//" + _RESOLVER.sub("", endpoint.url, count=1))
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        return None
    proxy = "" if is_loopback(endpoint) or not host else _grpc_proxy(host, environ)
    return Target(host, port, not endpoint.insecure, proxy) if host else None


def proxy_target(proxy: str) -> Target | None:
    """Return where a proxy listens; None for a URL that cannot be read."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        return Target(parts.hostname, parts.port or 80, has_tls=False) if parts.hostname else None
    except ValueError:
        return None


def _http_proxy(url: str) -> str:
    return select_proxy(url, get_environ_proxies(url, no_proxy=None)) or ""


def _grpc_proxy(host: str, environ: Mapping[str, str]) -> str:
    """The proxy that gRPC takes: the first of these variables, in lower case, unless the host is excepted."""
    proxy = next((environ[name] for name in _GRPC_PROXIES if environ.get(name)), "")
    excepted = environ.get("no_grpc_proxy") or environ.get("no_proxy") or ""
    names = [name.strip() for name in excepted.split(",") if name.strip()]
    return "" if any(host.endswith(name) for name in names) else proxy
