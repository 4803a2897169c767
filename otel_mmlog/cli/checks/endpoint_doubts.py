"""What is allowed in the settings of an endpoint, and seldom meant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from otel_mmlog.cli.checks.finding import Finding
from otel_mmlog.cli.checks.targets import target_of
from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.loopback import is_loopback
from otel_mmlog.sender.types import SIGNALS

_PREFIX = "OTEL_EXPORTER_OTLP_"
_GRPC_PORT, _HTTP_PORT = 4317, 4318


def check_settings(endpoints: Iterable[Endpoint], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the settings of endpoints come to, and what is doubtful in them; once for signals that share it."""
    signals: dict[Finding, list[str]] = {}
    for endpoint in endpoints:
        for finding in _of_endpoint(endpoint, environ):
            signals.setdefault(finding, []).append(endpoint.signal)
    for finding, names in signals.items():
        yield replace(finding, found=f"{', '.join(names)}: {finding.found}")


def _of_endpoint(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[Finding]:
    if endpoint.headers:
        names = ", ".join(_shown_name(*header) for header in endpoint.headers)
        yield Finding("ok", "headers", f"{names} (values are never shown)")
        is_plain = endpoint.insecure or endpoint.url.startswith("http://")
        if is_plain and not is_loopback(endpoint):
            found = f"they go to another machine in plain text, as {_PREFIX}INSECURE permits"
            yield Finding("warn", "headers", found, f"write https:// in {_PREFIX}ENDPOINT")
    yield from _doubtful_port(endpoint, environ)
    if endpoint.protocol != "grpc":
        yield from _doubtful_path(endpoint, environ)
    else:
        yield from _lost_path(endpoint, environ)


def _doubtful_port(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[Finding]:
    target = target_of(endpoint, environ)
    port = target.port if target else 0
    if port == _GRPC_PORT and endpoint.protocol != "grpc":
        found = f"4317 is the port of gRPC, and the protocol is {endpoint.protocol}"
        yield Finding("warn", "port", found, f"write port 4318, or unset {_PREFIX}PROTOCOL")
    elif port == _HTTP_PORT and endpoint.protocol == "grpc":
        found = "4318 is the port of HTTP, and the protocol is grpc"
        yield Finding("warn", "port", found, f"write port 4317, or unset {_PREFIX}PROTOCOL")


def _doubtful_path(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[Finding]:
    signal, path = endpoint.signal, urlsplit(endpoint.url).path
    own = f"{_PREFIX}{signal.upper()}_ENDPOINT"
    if environ.get(own, "").strip():
        if not path.endswith(f"/v1/{signal}"):
            found = f"{own} is taken as it is, and does not end in /v1/{signal}"
            yield Finding("warn", "path", found, f"write the whole URL: .../v1/{signal}")
        return
    before = path.removesuffix(f"/v1/{signal}")
    if before.endswith(tuple(f"/v1/{each}" for each in SIGNALS)):
        found = (
            f"{_PREFIX}ENDPOINT ends in {before[before.rfind('/v1/') :]}, and /v1/{signal} is put behind it"
        )
        yield Finding("warn", "path", found, "write the URL without /v1/...")


def _lost_path(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in (f"{_PREFIX}{endpoint.signal.upper()}_ENDPOINT", f"{_PREFIX}ENDPOINT"):
        value = environ.get(name, "").strip()
        if not value:
            continue
        if value.startswith(("http://", "https://")) and urlsplit(value).path.strip("/"):
            found = f"gRPC has no path, and that of {name} is left out"
            yield Finding(
                "warn", "path", found, f"write host and port only, or set {_PREFIX}PROTOCOL=http/json"
            )
        return


def _shown_name(name: str, value: str) -> str:
    """A header's name; not that of one which is base64 alone, taken for a name."""
    return name if value.strip("=") else "one whose name may be a secret"
