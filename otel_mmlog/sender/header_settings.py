"""Headers as ``OTEL_EXPORTER_OTLP_HEADERS`` lists them: ``name=value,name=value``, values percent-encoded."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import unquote

from otel_mmlog.core.errors import ConfigError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_GRPC_NAME = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
# Characters that OpenTelemetry's exporters leave encoded or plain: a value with any other was not encoded at all.
_ENCODED = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
# They say how long the body is and what it consists of, which only the transport knows.
_RESERVED = frozenset({"content-encoding", "content-length", "content-type", "host", "transfer-encoding"})


def parse_headers(variable: str, text: str) -> tuple[tuple[str, str], ...]:
    """Return lower-case names and decoded values, the last of a name that occurs twice.

    Args:
        variable: The variable's name, for errors.
        text: Its value.

    Raises:
        ConfigError: An entry is not ``name=value`` or cannot be sent; the message never has the value.
    """
    headers: dict[str, str] = {}
    for number, entry in enumerate((part.strip(" \t") for part in text.split(",")), 1):
        if not entry:
            continue
        name, value = _parse(variable, number, entry)
        headers[name] = value
    return tuple(headers.items())


def require_grpc_names(variable: str, headers: Iterable[tuple[str, str]]) -> None:
    """Raise ConfigError for a header whose name HTTP/1 has but gRPC has not."""
    for name, value in headers:
        if not _GRPC_NAME.fullmatch(name) or name.startswith("grpc-"):
            shown = repr(name) if value.strip("=") else "a name that is not shown (is it a secret?)"
            raise ConfigError(
                f"{variable} sets {shown}, which gRPC cannot send: its names have letters, digits and -_. only, and"
                " do not begin with grpc-. Rename or remove it."
            )


def basic_authorization(user: str, password: str) -> tuple[str, str]:
    """Return the header that a URL's user info stands for."""
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return "authorization", f"Basic {base64.b64encode(pair).decode()}"


def _parse(variable: str, number: int, entry: str) -> tuple[str, str]:
    raw_name, equals, raw_value = entry.partition("=")
    name, value = unquote(raw_name).strip().lower(), raw_value.strip()
    if _ENCODED.fullmatch(value):
        value = unquote(value).strip()
    if not equals or not _NAME.fullmatch(name):
        raise ConfigError(
            f"Entry {number} of {variable} is not name=value (its text is not shown, it may be a secret). Write"
            " name=value,name=value; a name has letters, digits and -_. only, and a value's commas are written %2C."
        )
    if not _VALUE.fullmatch(value):
        raise ConfigError(
            f"The value of {name!r} in {variable} has a character that no header can hold, such as a line break"
            " or a letter outside of ASCII (the value is not shown, it may be a secret). Correct it."
        )
    if name in _RESERVED:
        raise ConfigError(f"{variable} sets {name!r}, which follows from the body. Remove it.")
    return name, value
