"""The way to a server, one layer after the other: name, port, TLS, and which protocol is spoken there."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from otel_mmlog.cli.checks.finding import Finding
from otel_mmlog.cli.checks.targets import Target
from otel_mmlog.sender.endpoints import Endpoint

_PREFIX = "OTEL_EXPORTER_OTLP_"
_SOON_DAYS: Final = 14
_HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_HTTP1_REQUEST: Final = b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_SETTINGS_FRAME: Final = 4
# X509_V_ERR_* of OpenSSL.
_EXPIRED, _NOT_YET, _WRONG_HOST, _WRONG_ADDRESS = 10, 9, 62, 64


def check_connection(target: Target, timeout_s: float) -> Iterator[Finding]:
    """Yield whether the host's name is known, and whether its port takes connections."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        fix = f"correct the host in {_PREFIX}ENDPOINT, or the machine's DNS (getent hosts {target.host})"
        yield Finding("FAIL", "DNS", f"{target.host} does not resolve: {words}", fix)
        return
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if addresses != [target.host]:
        yield Finding("ok", "DNS", f"{target.host} is {', '.join(addresses[:4])}")
    start_s = time.monotonic()
    try:
        socket.create_connection((target.host, target.port), timeout_s).close()
    except OSError as error:
        yield Finding("FAIL", "TCP", f"{target}: {_words(error)}", _tcp_fix(target, error))
    else:
        yield Finding(
            "ok", "TCP", f"{target} takes connections ({(time.monotonic() - start_s) * 1e3:.0f} ms)"
        )


def check_tls(target: Target, endpoint: Endpoint, environ: Mapping[str, str], timeout_s: float) -> Finding:
    """Return whether the server's certificate is trusted as a run would, and for how long."""
    try:
        context = _context(endpoint, environ)
    except (OSError, ssl.SSLError) as error:
        fix = f"correct {_PREFIX}CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY"
        return Finding("FAIL", "TLS", f"a PEM file cannot be used: {_words(error)}", fix)
    try:
        with (
            socket.create_connection((target.host, target.port), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=target.host) as secure,
        ):
            return _certificate(target, secure, is_grpc=endpoint.protocol == "grpc")
    except ssl.SSLCertVerificationError as error:
        return Finding(
            "FAIL", "TLS", f"{target}: {error.verify_message}", _certificate_fix(error.verify_code)
        )
    except OSError as error:
        if spoken(target, timeout_s) not in ("", "TLS"):
            fix = f"write http:// in {_PREFIX}ENDPOINT, or {_PREFIX}INSECURE=true for gRPC without a scheme"
            return Finding("FAIL", "TLS", f"{target} speaks no TLS", fix)
        return Finding("FAIL", "TLS", f"{target}: {_words(error)}", "look at the TLS settings of the server")


def spoken(target: Target, timeout_s: float) -> str:
    """Return what a port speaks: ``TLS``, ``gRPC`` (HTTP/2 in plain text) or ``HTTP/1.1``; empty if that is unclear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent: only whether it answers counts
    try:
        with (
            socket.create_connection((target.host, target.port), timeout_s) as plain,
            context.wrap_socket(plain),
        ):
            return "TLS"
    except OSError:
        pass
    for question in (_HTTP1_REQUEST, _HTTP2_PREFACE):
        try:
            with socket.create_connection((target.host, target.port), timeout_s) as plain:
                plain.sendall(question)
                answer = plain.recv(16)
        except OSError:
            continue
        if answer.startswith(b"HTTP/1"):
            return "HTTP/1.1"
        if len(answer) > 3 and answer[3] == _SETTINGS_FRAME:
            return "gRPC"
    return ""


def _context(endpoint: Endpoint, environ: Mapping[str, str]) -> ssl.SSLContext:
    """What the exporters check with.

    Raises:
        OSError: A file cannot be read, or is no certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    bundle = endpoint.tls.certificate or Path(
        environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    )
    context.load_verify_locations(**{"capath" if bundle.is_dir() else "cafile": str(bundle)})
    if endpoint.tls.client_certificate:
        # An empty password, so that a key which has one is an error, and no question on the terminal.
        context.load_cert_chain(endpoint.tls.client_certificate, endpoint.tls.client_key, password=lambda: "")
    if endpoint.protocol == "grpc":
        context.set_alpn_protocols(["h2"])
    return context


def _certificate(target: Target, secure: ssl.SSLSocket, *, is_grpc: bool) -> Finding:
    if is_grpc and secure.selected_alpn_protocol() != "h2":
        fix = f"set {_PREFIX}PROTOCOL=http/json, or use the server's port for gRPC"
        return Finding("FAIL", "TLS", f"{target} offers no HTTP/2, which gRPC needs", fix)
    until = str((secure.getpeercert() or {}).get("notAfter", ""))
    days = (ssl.cert_time_to_seconds(until) - time.time()) / 86400 if until else 0.0
    found = f"{secure.version()}, the certificate of {target} is trusted, until {until} ({days:,.0f} days)"
    if days < _SOON_DAYS:
        return Finding("warn", "TLS", found, "have the server's certificate renewed")
    return Finding("ok", "TLS", found)


def _certificate_fix(code: int) -> str:
    if code in (_EXPIRED, _NOT_YET):
        return "have the server's certificate renewed, or correct this machine's clock"
    if code in (_WRONG_HOST, _WRONG_ADDRESS):
        return f"write the host in {_PREFIX}ENDPOINT as the certificate names it"
    return f"set {_PREFIX}CERTIFICATE to the PEM file of the authority that signed it"


def _tcp_fix(target: Target, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"start the server there, or correct host and port in {_PREFIX}ENDPOINT"
    return f"open the way to {target} (firewall, security group, VPN), or set HTTPS_PROXY"


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)
