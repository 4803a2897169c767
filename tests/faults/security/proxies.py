"""Proxies: those of the environment, which see no more than they must, and none on the way to this machine itself."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver, Tls
from tests.faults.endpoint import wires
from tests.faults.endpoint.network import says
from tests.faults.endpoint.refusals import endpoint_of
from tests.faults.endpoint.wires import Wire
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, unless
from tests.faults.training import ENDPOINT, started, wait_for_senders
from tests.sender.certificates import Authority

HOST = "collector.test"
TOKEN = "c4n4ry-91ce"
_PROXY_AUTHORIZATION = b"basic bwu6chc="  # me:pw, in lower case
_PATIENT = {"OTEL_MMLOG_CLOSE_TIMEOUT": "20", "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}"}


class Tunnels:
    """A proxy that takes CONNECT only, leads everybody to one port, and keeps what it sees.

    Attributes:
        heads: Of the requests.
        seen: What went through to the server.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.heads: list[bytes] = []
        self.seen = bytearray()

    @contextmanager
    def open(self) -> Iterator[str]:
        """Listen; gives the URL."""
        with wires.serving(self._lead) as wire:
            yield f"http://me:pw@127.0.0.1:{wire.port}"

    def _lead(self, wire: Wire, client: socket.socket) -> None:
        client.settimeout(10)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        self.heads.append(head)
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pump, args=(wire, server, client, bytearray()), daemon=True)
            back.start()
            _pump(wire, client, server, self.seen)
            back.join()


def tunnelled(context: Context, protocol: Protocol) -> Outcome:
    """What TLS protects, a proxy does not see; what is meant for the proxy, the server does not."""
    authority = Authority(context.folder, "authority")
    pair = authority.issue("server", host=HOST)
    with FakeReceiver(tls=Tls(pair.certificate, pair.key)) as receiver:
        port = int(endpoint_of(receiver, protocol).rpartition(":")[2])
        tunnels = Tunnels(port)
        with tunnels.open() as proxy:
            variables = {
                ENDPOINT: f"https://{HOST}:{port}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate),
                "https_proxy": proxy,
                **_PATIENT,
            }
            with started(context.folder / "faulty", variables) as training:
                training.train(200)
                closed = training.close()
            wait_for_senders(training.work_dir)
        sums, wrong = balance(closed, taken(receiver), on_disk(training.journals))
        carried = {str(request.headers.get("authorization")) for request in receiver.requests}
        told = [request for request in receiver.requests if "proxy-authorization" in request.headers]
    asked = {head.partition(b" HTTP/1.")[0] for head in tunnels.heads}
    wrong += unless(closed.complete, "not all was delivered")
    wrong += unless(asked == {f"CONNECT {HOST}:{port}".encode()}, f"the proxy was asked {asked}")
    known = [_PROXY_AUTHORIZATION in head.lower() for head in tunnels.heads]
    wrong += unless(all(known), "the proxy was not told the password of its URL")
    wrong += unless(
        TOKEN.encode() not in bytes(tunnels.seen) + b"".join(tunnels.heads), "the proxy saw the token"
    )
    wrong += unless(carried == {f"Bearer {TOKEN}"}, f"the server was sent {carried}")
    wrong += unless(not told, "the server was told the proxy's password")
    return Outcome(sums, None, closed.close_s, wrong)


def not_asked(context: Context, protocol: Protocol) -> Outcome:
    """No proxy is asked for this machine itself, nor for what the environment excepts."""
    with FakeReceiver() as receiver, FakeReceiver() as proxy:
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        proxies = dict.fromkeys(names, proxy.http_endpoint)
        own = {ENDPOINT: endpoint_of(receiver, protocol), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        with started(context.folder / "faulty", {**proxies, **own, **_PATIENT}) as training:
            training.train(200)
            closed = training.close()
        sums, wrong = balance(closed, taken(receiver), on_disk(training.journals))
        excepted = {**own, ENDPOINT: f"http://{HOST}:4318", "no_proxy": HOST, "OTEL_MMLOG_CLOSE_TIMEOUT": "0"}
        with started(context.folder / "excepted", {**proxies, **excepted}) as other:
            other.train(50)
            wrong += says(other, HOST)
            other.close()
        wrong += unless(proxy._http.connections == 0, "the proxy was asked")
    wrong += unless(closed.complete, "not all was delivered")
    return Outcome(sums, None, closed.close_s, wrong)


def _pump(wire: Wire, source: socket.socket, sink: socket.socket, seen: bytearray) -> None:
    source.settimeout(wires.POLL_S)
    while not wire.closing.is_set():
        try:
            data = source.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            data = b""
        if not data:
            break
        seen += data
        with contextlib.suppress(OSError):
            sink.sendall(data)
    with contextlib.suppress(OSError):  # the other end may have gone
        sink.shutdown(socket.SHUT_WR)


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("http-proxy-tunnel", partial(tunnelled, protocol="http/json")),
        Fault("grpc-proxy-tunnel", partial(tunnelled, protocol="grpc")),
        Fault("http-proxy-not-asked", partial(not_asked, protocol="http/json")),
        Fault("grpc-proxy-not-asked", partial(not_asked, protocol="grpc")),
    ],
)
