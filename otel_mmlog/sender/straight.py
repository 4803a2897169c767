"""Whether the URL alone says how to get to an endpoint."""

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.loopback import is_loopback

# A host that needs no IDNA, and a path that needs neither quotes nor to have its dots resolved.
_PLAIN_URL: Final = re.compile(
    r"http://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:[0-9]+)?(/[a-z0-9_~-][a-z0-9._~-]*)*/?",
    re.ASCII | re.IGNORECASE,
)
_NETRC: Final = ("~/.netrc", "~/_netrc")


def goes_straight(endpoint: Endpoint, environ: Mapping[str, str]) -> bool:
    """Whether requests would add nothing to plain HTTP to the URL's host: no proxy and nothing of a ``.netrc``."""
    if endpoint.protocol == "grpc" or _PLAIN_URL.fullmatch(endpoint.url) is None:
        return False
    if is_loopback(endpoint):  # no proxy counts then, but a ``.netrc`` does
        return not (environ.get("NETRC") or any(map(os.path.exists, map(os.path.expanduser, _NETRC))))
    has_other_proxies = sys.platform in ("darwin", "win32")  # in the settings of the system
    names = {name.upper() for name, value in environ.items() if value}
    return not has_other_proxies and not any(name.endswith("_PROXY") for name in names - {"NO_PROXY"})
