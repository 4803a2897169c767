"""``OTEL_EXPORTER_OTLP_*``, general and per signal, as OpenTelemetry's exporters read them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args
from urllib.parse import SplitResult, urlsplit, urlunsplit

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.sender.credentials import proxy_forms
from otel_mmlog.sender.endpoints import Compression, Endpoint, Protocol, Tls, url_without_secrets
from otel_mmlog.sender.header_settings import basic_authorization, parse_headers, require_grpc_names
from otel_mmlog.sender.loopback import is_loopback
from otel_mmlog.sender.straight import goes_straight
from otel_mmlog.sender.types import SIGNALS, Signal

DEFAULT_TIMEOUT_S = 10.0
MAX_TIMEOUT_S = 300.0
_GRPC_PORT = 4317
_MAX_PATH_CHARS = 400  # a key in place of its path is longer
_PREFIX = "OTEL_EXPORTER_OTLP_"
_Choice = TypeVar("_Choice", bound=str)


def read_endpoints(environ: Mapping[str, str]) -> dict[Signal, Endpoint] | None:
    """Return where each signal goes, or None if no variable names an endpoint; then no socket is ever opened.

    A signal's own variable wins over the general one, and an empty one counts as unset. A signal with neither
    endpoint is left out. What differs from OpenTelemetry's exporters for Python: the default protocol is
    ``http/json``, or ``grpc`` on port 4317; ``http/json`` is compressed unless a variable says ``none``; a
    client certificate needs no ``CERTIFICATE`` beside it; headers go in plain text to another machine only if
    ``INSECURE`` says so, for HTTP too; and what they warn about, or learn when they send, is an error. The
    timeout is in seconds, as it is for them, and at most `MAX_TIMEOUT_S`.

    Raises:
        ConfigError: A variable holds a value that cannot be used; the message never has a secret.
    """
    readers = [_Variables(environ, signal) for signal in SIGNALS]
    endpoints = {reader.signal: _endpoint(reader) for reader in readers if reader.get("ENDPOINT")[1]}
    return endpoints or None


@dataclass(frozen=True, slots=True)
class _Variables:
    """The variables of one signal."""

    environ: Mapping[str, str]
    signal: Signal

    def get(self, name: str) -> tuple[str, str]:
        """Return the variable that counts and its value; an empty value if neither is set."""
        own = f"{_PREFIX}{self.signal.upper()}_{name}"
        value = self.environ.get(own, "").strip()
        if value:
            return own, value
        return _PREFIX + name, self.environ.get(_PREFIX + name, "").strip()

    def choice(self, name: str, allowed: tuple[_Choice, ...]) -> _Choice | None:
        """Return one of the allowed values, or None if the variable is not set."""
        variable, value = self.get(name)
        if not value:
            return None
        for each in allowed:
            if value.lower() == each:
                return each
        raise ConfigError(
            f"{variable}={value!r} is not one of {', '.join(allowed)}. Set it to one, or unset it."
        )

    def is_true(self, name: str) -> bool | None:
        """Return whether it says ``true``, in any case; None if it is not set."""
        value = self.get(name)[1]
        return value.lower() == "true" if value else None


def _endpoint(variables: _Variables) -> Endpoint:
    variable, text = variables.get("ENDPOINT")
    parts = _split(variable, text)
    protocol = variables.choice("PROTOCOL", get_args(Protocol)) or _default_protocol(parts)
    headers = dict(parse_headers(*variables.get("HEADERS")))
    if protocol == "grpc":
        url = _target(variable, text, parts)
        require_grpc_names(variables.get("HEADERS")[0], headers.items())
    else:
        url = _url(variable, text, parts, variables.signal)
        headers |= [basic_authorization(parts.username, parts.password or "")] if parts.username else []
    endpoint = Endpoint(
        signal=variables.signal,
        protocol=protocol,
        url=url,
        insecure=protocol == "grpc" and _is_insecure(parts, variables),
        headers=tuple(headers.items()),
        timeout_s=_timeout_s(*variables.get("TIMEOUT")),
        compression=_compression(variables, protocol),
        tls=_tls(variables),
        hidden=tuple(dict.fromkeys(proxy_forms(variables.environ))),
    )
    _require_cover(variables, endpoint)
    return replace(endpoint, straight=goes_straight(endpoint, variables.environ))


def _require_cover(variables: _Variables, endpoint: Endpoint) -> None:
    """Refuse to send credentials where others can read them, unless the user says so.

    Which header is a credential cannot be known, so that each is taken for one.
    """
    is_plain = endpoint.insecure or endpoint.url.startswith("http://")
    has_credentials = bool(endpoint.headers) or (endpoint.protocol != "grpc" and "?" in endpoint.url)
    if not is_plain or not has_credentials or is_loopback(endpoint) or variables.is_true("INSECURE"):
        return
    variable, text = variables.get("ENDPOINT")
    raise ConfigError(
        f"{variable}={url_without_secrets(text)!r} would take headers, user info or a query, which may be "
        f"secrets, to another machine in plain text. Write https://, or permit it with {_PREFIX}INSECURE=true."
    )


def _split(variable: str, text: str) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise ConfigError(f"{variable} has a space or a character that no URL can hold. Correct it.")
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is not a port
    except ValueError as error:
        raise ConfigError(
            f"{variable}={url_without_secrets(text)!r} is not a URL: {_reason(error, text)}. Correct it."
        ) from None
    return parts


def _reason(error: ValueError, text: str) -> str:
    return "its host or port cannot be read" if "@" in text else str(error)


def _default_protocol(parts: SplitResult) -> Protocol:
    # Without a scheme, "host:4317" splits into a scheme and a path.
    port = parts.port if parts.netloc else parts.path
    return "grpc" if str(port) == str(_GRPC_PORT) else "http/json"


def _is_insecure(parts: SplitResult, variables: _Variables) -> bool:
    if parts.scheme == "https":
        return False
    flag = variables.is_true("INSECURE")
    return parts.scheme == "http" if flag is None else flag


def _target(variable: str, text: str, parts: SplitResult) -> str:
    if "@" in text:
        raise ConfigError(
            f"{variable}={url_without_secrets(text)!r} has user info, which gRPC cannot send. "
            f"Put it into {_PREFIX}HEADERS."
        )
    if parts.scheme in ("http", "https"):
        _require_host(variable, text, parts)
        return parts.netloc
    return parts.netloc or text


def _url(variable: str, text: str, parts: SplitResult, signal: Signal) -> str:
    if parts.scheme not in ("http", "https"):
        raise ConfigError(
            f"{variable}={url_without_secrets(text)!r} does not begin with http:// or https://. Write for example"
            f" http://localhost:4318, or set {_PREFIX}PROTOCOL=grpc."
        )
    _require_host(variable, text, parts)
    path = parts.path
    if variable == f"{_PREFIX}ENDPOINT":
        path = f"{path.removesuffix('/')}/v1/{signal}"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, path or "/", parts.query, ""))


def _require_host(variable: str, text: str, parts: SplitResult) -> None:
    if not parts.hostname:
        raise ConfigError(
            f"{variable}={url_without_secrets(text)!r} names no host. Write for example http://localhost:4318."
        )


def _timeout_s(variable: str, text: str) -> float:
    if not text:
        return DEFAULT_TIMEOUT_S
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = math.nan
    if not 0 < timeout_s < math.inf:
        raise ConfigError(
            f"{variable}={text!r} is not a number of seconds above 0."
            f" Correct it, or unset it for {DEFAULT_TIMEOUT_S:g}."
        )
    return min(timeout_s, MAX_TIMEOUT_S)


def _compression(variables: _Variables, protocol: Protocol) -> Compression:
    chosen: Compression | None = variables.choice("COMPRESSION", get_args(Compression))
    if protocol == "grpc" and chosen == "deflate":
        variable = variables.get("COMPRESSION")[0]
        raise ConfigError(f"{variable}='deflate' cannot be had with gRPC. Set it to gzip or none.")
    if chosen is None:
        return "gzip" if protocol == "http/json" else "none"
    return chosen


def _tls(variables: _Variables) -> Tls:
    tls = Tls(
        certificate=_pem(*variables.get("CERTIFICATE")),
        client_certificate=_pem(*variables.get("CLIENT_CERTIFICATE")),
        client_key=_pem(*variables.get("CLIENT_KEY")),
    )
    if tls.client_key and not tls.client_certificate:
        variable = variables.get("CLIENT_KEY")[0]
        raise ConfigError(
            f"{variable} is set, but no certificate for that key. Set {variable.replace('_KEY', '_CERTIFICATE')} too."
        )
    return tls


def _pem(variable: str, text: str) -> Path | None:
    if not text:
        return None
    if "-----BEGIN " in text or "\n" in text or len(text) > _MAX_PATH_CHARS:
        raise ConfigError(
            f"{variable} is not the path of a PEM file (its text is not shown, it may be a key). Set it to the path."
        )
    try:
        if b"-----BEGIN " in Path(text).read_bytes():
            return Path(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{variable}={text!r} cannot be read: {reason}. Set it to a PEM file.") from None
    raise ConfigError(f"{variable}={text!r} has no '-----BEGIN' line: it is not a PEM file. Set it to one.")
