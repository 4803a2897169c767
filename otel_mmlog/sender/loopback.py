"""Whether what is sent stays on this machine: then nobody can read it on the way, and no proxy is asked."""

import ipaddress
import re
from urllib.parse import urlsplit

from otel_mmlog.sender.endpoints import Endpoint

_SOCKET_FILE = ("unix:", "unix-abstract:")
_RESOLVER = re.compile(r"(dns:(//[^/]*/)?|ipv4:|ipv6:)")  # what a gRPC target may begin with


def is_loopback(endpoint: Endpoint) -> bool:
    """Whether the endpoint is ``localhost``, a loopback address or a socket file.

    A name is not looked up: one that only resolves to a loopback address is none.
    """
    if endpoint.protocol != "grpc":
        return _is_loopback(urlsplit(endpoint.url).hostname)
    if endpoint.url.startswith(_SOCKET_FILE):
        return True
    return _is_loopback(_host(_RESOLVER.sub("", endpoint.url, count=1)))


def _host(target: str) -> str | None:
    try:
        return urlsplit(f"//{target}").hostname
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    # A connection to 0.0.0.0 or :: goes to the machine itself.
    return address.is_loopback or address.is_unspecified
