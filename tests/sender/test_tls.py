"""TLS, and TLS with a client's certificate, over every protocol."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.sender.types import Answer
from otel_mmlog.testing import FakeReceiver, Tls
from tests.sender.certificates import Authority
from tests.sender.old_tls import old_server
from tests.sender.transports import PROTOCOLS, point_lines, transports, variables

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)


def send(receiver: FakeReceiver, protocol: Protocol, **files: Path) -> Answer:
    """Send one point, with variables that name files."""
    environ = variables(receiver, protocol, **{name: str(path) for name, path in files.items()})
    with transports(environ) as made:
        return made["metrics"].send("metrics", point_lines(1.0))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that nobody trusts by default."""
    return Authority(tmp_path, "authority")


@contextmanager
def tls_receiver(authority: Authority, *, days: int = 30, mutual: bool = False) -> Iterator[FakeReceiver]:
    """A receiver with a certificate of the authority; with mutual TLS it wants one from the client too."""
    pair = authority.issue("server", days=days)
    tls = Tls(pair.certificate, pair.key, authority.certificate if mutual else None)
    with FakeReceiver(tls=tls) as receiver:
        yield receiver


def test_a_trusted_authority(authority: Authority, protocol: Protocol) -> None:
    """With the authority's certificate configured, the request is delivered."""
    with tls_receiver(authority) as receiver:
        assert receiver.http_endpoint.startswith("https://")
        assert send(receiver, protocol, CERTIFICATE=authority.certificate) == Answer("delivered")
        assert len(receiver.points()) == 1


def test_the_configured_authority_wins_over_ca_variables(
    authority: Authority, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that other tools are told to use does not replace the configured one."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "other").certificate))
    with tls_receiver(authority) as receiver:
        assert send(receiver, protocol, CERTIFICATE=authority.certificate) == Answer("delivered")


def test_an_authority_that_is_not_trusted(authority: Authority, protocol: Protocol, tmp_path: Path) -> None:
    """Neither the usual authorities nor another one accept the server: retried, and nothing was sent."""
    other = Authority(tmp_path, "other")
    with tls_receiver(authority) as receiver:
        for files in ({}, {"CERTIFICATE": other.certificate}):
            answer = send(receiver, protocol, **files)
            assert answer.kind == "retry"
            assert "certificate" in answer.detail.lower()
        assert not receiver.requests


def test_a_certificate_that_has_expired(authority: Authority, protocol: Protocol) -> None:
    """A server whose certificate is too old gets nothing."""
    with tls_receiver(authority, days=-2) as receiver:
        answer = send(receiver, protocol, CERTIFICATE=authority.certificate)
        assert answer.kind == "retry"
        assert "certificate" in answer.detail.lower()
        assert not receiver.requests


def test_a_client_certificate(authority: Authority, protocol: Protocol) -> None:
    """The client shows its certificate where the server asks for one."""
    client = authority.issue("rank3")
    files = {"CERTIFICATE": authority.certificate, "CLIENT_CERTIFICATE": client.certificate}
    with tls_receiver(authority, mutual=True) as receiver:
        assert send(receiver, protocol, CLIENT_KEY=client.key, **files) == Answer("delivered")
        assert receiver.requests[0].client == "rank3"


def test_a_client_certificate_with_its_key_in_one_file(authority: Authority, protocol: Protocol) -> None:
    """The key may be in the certificate's file."""
    client = authority.issue("rank3")
    both = client.certificate.with_name("both.pem")
    both.write_bytes(client.certificate.read_bytes() + client.key.read_bytes())
    with tls_receiver(authority, mutual=True) as receiver:
        answer = send(receiver, protocol, CERTIFICATE=authority.certificate, CLIENT_CERTIFICATE=both)
        assert answer == Answer("delivered")


def test_no_client_certificate_where_one_is_asked_for(authority: Authority, protocol: Protocol) -> None:
    """A server that asks for a certificate and gets none ends the connection: retried."""
    with tls_receiver(authority, mutual=True) as receiver:
        assert send(receiver, protocol, CERTIFICATE=authority.certificate).kind == "retry"
        assert not receiver.requests


def test_a_file_that_is_gone_when_it_is_needed(authority: Authority, protocol: Protocol) -> None:
    """A certificate that was there at the start and is not any more pauses, and is an answer."""
    with tls_receiver(authority) as receiver:
        environ = variables(receiver, protocol, CERTIFICATE=str(authority.certificate))
        with transports(environ) as made:
            content = authority.certificate.read_bytes()
            authority.certificate.unlink()
            answer = made["metrics"].send("metrics", point_lines(1.0))
            assert answer.kind == "pause"
            assert "a TLS file cannot be read" in answer.detail
            authority.certificate.write_bytes(content)
            assert made["metrics"].send("metrics", point_lines(1.0)) == Answer("delivered")


def test_plain_text_to_a_tls_port_and_the_reverse(authority: Authority, protocol: Protocol) -> None:
    """The wrong scheme is retried and says where."""
    with tls_receiver(authority) as receiver, FakeReceiver() as plain:
        for endpoint in (
            receiver.http_endpoint.replace("https", "http"),
            plain.http_endpoint.replace("http", "https"),
        ):
            environ = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
            }
            with transports(environ) as made:
                answer = made["metrics"].send("metrics", point_lines(1.0))
            assert answer.kind == "retry"
            assert "127.0.0.1" in answer.detail


def test_tls_below_1_2_is_refused(authority: Authority, protocol: Protocol) -> None:
    """A server that speaks TLS 1.1 at most gets nothing."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = old_server(authority.issue("server")).wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a failed handshake is the point
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{server.server_address[1]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate),
            "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
        }
        with transports(environ) as made:
            answer = made["metrics"].send("metrics", point_lines(1.0))
        assert answer.kind == "retry"
        assert "PROTOCOL_VERSION" in answer.detail
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
