"""Every form in which a user and a password may come back in somebody's words."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from urllib.parse import unquote


def forms(user_info: str) -> Iterator[str]:
    """Yield what must not be shown of a URL's ``user:password``, which may be percent-encoded."""
    for pair in {user_info, unquote(user_info)}:
        yield pair
        yield pair.partition(":")[2]
        yield base64.b64encode(pair.encode("utf-8", "replace")).decode()


def basic_forms(credentials: str) -> Iterator[str]:
    """Yield the same for the base64 of a Basic authorization; nothing for what is none."""
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield from forms(pair)


def proxy_forms(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the same for the proxies that an environment names."""
    for name, text in environ.items():
        if name.upper().endswith("_PROXY") and "@" in text:
            yield from forms(text.rpartition("@")[0].rpartition("://")[2])
