"""Whether what a run sends would arrive: the way to each endpoint, and an empty export to it."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from otel_mmlog.cli.checks.clock import check_clock
from otel_mmlog.cli.checks.endpoint_doubts import check_settings
from otel_mmlog.cli.checks.finding import Finding
from otel_mmlog.cli.checks.targets import Target, proxy_target, target_of
from otel_mmlog.cli.checks.variables import Setup
from otel_mmlog.cli.checks.wire import check_connection, check_tls, spoken
from otel_mmlog.sender.answers import HttpResponse
from otel_mmlog.sender.endpoints import Endpoint, describe, url_without_secrets
from otel_mmlog.sender.posting import Poster
from otel_mmlog.sender.transport import make_transports, protobuf_fallback
from otel_mmlog.sender.types import Answer, Signal, Transport

_PREFIX = "OTEL_EXPORTER_OTLP_"
_BAD_CREDENTIALS = ("401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED")
_WRONG_PATH = ("404", "405", "UNIMPLEMENTED")


@dataclass(frozen=True, slots=True)
class Export:
    """An empty export.

    Attributes:
        answer: What came of it.
        took_s: Seconds.
        date: The server's clock by its answer, or empty.
        at_s: Unix time in the middle of the request.
        is_fallback: Whether it was taken as protobuf only, in place of JSON.
    """

    answer: Answer
    took_s: float
    date: str
    at_s: float
    is_fallback: bool = False

    @property
    def code(self) -> str:
        """``401`` of HTTP, ``UNAUTHENTICATED`` of gRPC; empty if no server answered."""
        scheme, _, rest = self.answer.detail.partition(" ")
        return rest.split(" ")[0].rstrip(":") if scheme in ("HTTP", "gRPC") else ""


def check_endpoints(setup: Setup, timeout_s: float) -> Iterator[Finding]:
    """Yield what is doubtful in the settings, then what each server says to an empty export.

    Args:
        setup: What a run would be.
        timeout_s: How long to wait for each step, where the endpoint's own timeout is not shorter.
    """
    refused = [name for name in setup.refused if name.startswith(_PREFIX)]
    if refused:
        yield Finding("warn", "endpoint", "no server was asked", f"correct {', '.join(refused)} first")
        return
    if not setup.settings.endpoints:
        yield Finding("ok", "endpoint", f"none is set: the journal keeps everything ({_PREFIX}ENDPOINT)")
        return
    environ = setup.settings.environ
    endpoints = {
        signal: replace(endpoint, timeout_s=min(endpoint.timeout_s, timeout_s))
        for signal, endpoint in setup.settings.endpoints.items()
    }
    yield from check_settings(endpoints.values(), environ)
    exports: list[Export] = []
    for target, signals in _targets(endpoints, environ).items():
        is_reached = True
        if target is not None:
            for finding in _way(target, endpoints[signals[0]], environ):
                is_reached &= finding.status != "FAIL"
                yield finding
        for endpoint in (endpoints[signal] for signal in signals if is_reached):
            export = _export(endpoint)
            exports.append(export)
            yield _finding(endpoint, export, target)
    yield from check_clock((export.date, export.at_s) for export in exports)


def _targets(
    endpoints: Mapping[Signal, Endpoint], environ: Mapping[str, str]
) -> dict[Target | None, list[Signal]]:
    targets: dict[Target | None, list[Signal]] = {}
    for signal, endpoint in endpoints.items():
        targets.setdefault(target_of(endpoint, environ), []).append(signal)
    return targets


def _way(target: Target, endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[Finding]:
    if not target.proxy:
        yield from check_connection(target, endpoint.timeout_s)
        if target.has_tls:
            yield check_tls(target, endpoint, environ, endpoint.timeout_s)
        return
    shown = url_without_secrets(target.proxy)
    hop = proxy_target(target.proxy)
    if hop is None:
        yield Finding("FAIL", "proxy", f"{shown} is no URL", "correct HTTPS_PROXY or HTTP_PROXY")
        return
    yield Finding("ok", "proxy", f"{target} is asked for through {shown}")
    for finding in check_connection(hop, endpoint.timeout_s):
        fix = f"correct HTTPS_PROXY or HTTP_PROXY, or add {target.host} to NO_PROXY" if finding.fix else ""
        yield replace(finding, what=f"proxy {finding.what}", fix=fix)


def _export(endpoint: Endpoint) -> Export:
    dates: list[str] = []

    transport = _transport(endpoint, dates)
    try:
        start_s = time.time()
        answer = transport.send(endpoint.signal, ())
        took_s = time.time() - start_s
        is_fallback = False
        if (answer.kind == "bad" or answer.wants_protobuf) and (other := protobuf_fallback(transport)):
            second = other.send(endpoint.signal, ())
            is_fallback = second.kind == "delivered"
            answer = second if is_fallback else answer
    finally:
        transport.close()
    return Export(answer, took_s, dates[0] if dates else "", start_s + took_s / 2, is_fallback)


def _transport(endpoint: Endpoint, dates: list[str]) -> Transport:
    if endpoint.protocol == "grpc":
        return make_transports({endpoint.signal: endpoint})[endpoint.signal]
    from otel_mmlog.sender.http_transport import HttpTransport, make_poster  # noqa: PLC0415 - gRPC needs none of it

    return HttpTransport(endpoint, poster=_DatedPoster(make_poster(endpoint), dates))


class _DatedPoster:
    """Notes the clock of the server.

    Args:
        poster: Posts.
        dates: Gets the ``Date`` header of each answer.
    """

    def __init__(self, poster: Poster, dates: list[str]) -> None:
        self._poster = poster
        self._dates = dates

    def post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """See `Poster`."""
        response = self._poster.post(body, headers)
        self._dates.append(response.headers.get("date", ""))
        return response

    def close(self) -> None:
        """Release connections."""
        self._poster.close()


def _finding(endpoint: Endpoint, export: Export, target: Target | None) -> Finding:
    where, answer = describe(endpoint), export.answer
    if answer.kind == "delivered":
        return _taken(endpoint, export, where)
    found = f"{where}: {answer.detail}"
    mismatch = _mismatch(endpoint, export, target)
    if mismatch:
        return Finding("FAIL", endpoint.signal, *mismatch)
    if answer.kind == "bad":
        fix = "it answers; whether it takes what is not empty shows a run, or otel-mmlog send"
        return Finding("warn", endpoint.signal, found, fix)
    return Finding("FAIL", endpoint.signal, found, _fix(endpoint, export))


def _taken(endpoint: Endpoint, export: Export, where: str) -> Finding:
    found = f"{where} took an empty export ({export.took_s * 1e3:.0f} ms)"
    if export.is_fallback:
        fix = f"set {_PREFIX}PROTOCOL=http/protobuf: a run finds out by itself, at the cost of a request"
        return Finding("warn", endpoint.signal, f"{found}, but as protobuf only", fix)
    if export.answer.detail:
        fix = f"check that {_PREFIX}ENDPOINT is that of an OTLP server"
        return Finding("warn", endpoint.signal, f"{where}: {export.answer.detail}", fix)
    return Finding("ok", endpoint.signal, found)


def _mismatch(endpoint: Endpoint, export: Export, target: Target | None) -> tuple[str, str] | None:
    """What is wrong and what to do, where the port speaks something else than what it was asked in."""
    if (
        target is None
        or target.proxy
        or target.has_tls
        or export.code not in ("", "400", "505", "UNAVAILABLE")
    ):
        return None
    spoke = spoken(target, endpoint.timeout_s)
    if spoke == "TLS":
        return f"{target} speaks TLS, and was asked in plain text", f"write https:// in {_PREFIX}ENDPOINT"
    if spoke == "gRPC" and endpoint.protocol != "grpc":
        fix = f"set {_PREFIX}PROTOCOL=grpc, or write the server's port for HTTP (4318)"
        return f"{target} speaks gRPC, and was asked by {endpoint.protocol}", fix
    if spoke == "HTTP/1.1" and endpoint.protocol == "grpc":
        fix = f"set {_PREFIX}PROTOCOL=http/json, or write the server's port for gRPC (4317)"
        return f"{target} speaks HTTP/1.1, and was asked by gRPC", fix
    return None


def _fix(endpoint: Endpoint, export: Export) -> str:
    code = export.code
    if code in _BAD_CREDENTIALS:
        has_headers = "it is set, and not what the server wants" if endpoint.headers else "it is not set"
        return f"correct {_PREFIX}HEADERS: {has_headers}"
    if code in _WRONG_PATH and endpoint.protocol == "grpc":
        return "check that it is an OTLP server which takes this signal"
    if code in _WRONG_PATH:
        return (
            f"correct the path: behind {_PREFIX}ENDPOINT comes /v1/{endpoint.signal}, and "
            f"{_PREFIX}{endpoint.signal.upper()}_ENDPOINT is the whole URL"
        )
    if code == "407":
        return "correct user and password in HTTPS_PROXY or HTTP_PROXY"
    if code.startswith("3"):
        return f"set {_PREFIX}ENDPOINT to where it redirects"
    if code:
        return "look at the log of the server; a run keeps everything and tries again"
    return f"look at the way to the server, or raise {_PREFIX}TIMEOUT; a run keeps everything and tries again"
