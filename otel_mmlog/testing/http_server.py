"""The HTTP side of a fake receiver."""

import gzip
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

from otel_mmlog.testing.messages import SIGNALS, Signal, response_message
from otel_mmlog.testing.script import Reply, Request
from otel_mmlog.testing.server_tls import Tls, common_name

Handle = Callable[[Request], Reply]
_PROTOCOLS: dict[str, Literal["http/json", "http/protobuf"]] = {
    "application/json": "http/json",
    "application/x-protobuf": "http/protobuf",
}
_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


class HttpServer:
    """Listens on a free port from `start` to `close`.

    Args:
        handle: Says what to answer.
        tls: Or None for plain HTTP.
        port: 0 for a free one.
        paths: More paths and their signals.
        closing: Set when nothing is to be answered any more.
    """

    def __init__(
        self,
        handle: Handle,
        tls: Tls | None,
        port: int,
        paths: Mapping[str, Signal],
        closing: threading.Event,
    ) -> None:
        self._server = _Server(handle, tls.context() if tls else None, port, paths, closing)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="fake-otlp-http",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return self._server.accepted

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and close every connection."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self,
        handle: Handle,
        context: ssl.SSLContext | None,
        port: int,
        paths: Mapping[str, Signal],
        closing: threading.Event,
    ) -> None:
        self.handle_otlp = handle
        self.context = context
        self.paths = paths
        self.closing = closing
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.accepted = 0
        super().__init__(("127.0.0.1", port), _Handler)

    def signal_of(self, path: str) -> Signal | None:
        """Return whose requests go to a path."""
        plain = urlsplit(path).path
        if plain in self.paths:
            return self.paths[plain]
        return next((signal for signal in SIGNALS if plain.endswith(f"/v1/{signal}")), None)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._connections.add(connection)
            self.accepted += 1
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away or fail a handshake are what tests are about."""

    def close_connections(self) -> None:
        """End the threads that wait for more requests."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        """Shake hands in this connection's own thread."""
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def log_message(self, *args: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        """Read a request and answer as the receiver says."""
        request = self._request()
        if isinstance(request, Reply):
            self._answer("http/json", None, request)
            return
        reply = self.server.handle_otlp(request)
        if self.server.closing.is_set():
            self.close_connection = True
        elif reply.raw is not None:
            self._write_raw(reply.raw, reply.drip_s)
            self.close_connection = True
        else:
            self._answer(request.protocol, request.signal, reply)

    def _write_raw(self, data: bytes, drip_s: float) -> None:
        headers, end, body = data.partition(b"\r\n\r\n") if drip_s else (data, b"", b"")
        self.wfile.write(headers + end)
        for byte in body:
            self.wfile.flush()
            if self.server.closing.wait(drip_s):
                return
            self.wfile.write(bytes((byte,)))

    def _request(self) -> Request | Reply:
        """Return the request, or what answers one that is not OTLP."""
        length = self.headers.get("Content-Length")
        if length is None:
            self.close_connection = True
            return Reply(411)
        compressed = self.rfile.read(int(length))
        signal = self.server.signal_of(self.path)
        if signal is None:
            return Reply(404)
        protocol = _PROTOCOLS.get(self.headers.get_content_type())
        decompress = _DECOMPRESS.get(self.headers.get("Content-Encoding", "identity"))
        if protocol is None or decompress is None:
            return Reply(415)
        try:
            body = decompress(compressed)
        except (OSError, EOFError, zlib.error):
            return Reply(400, message="the body is not compressed as it says")
        return Request(
            signal, protocol, self.path, _lower(self.headers), body, len(compressed), self._client()
        )

    def _client(self) -> str | None:
        return common_name(self.request.getpeercert()) if isinstance(self.request, ssl.SSLSocket) else None

    def _answer(self, protocol: str, signal: Signal | None, reply: Reply) -> None:
        body = _body(protocol, signal, reply) if reply.body is None else reply.body
        headers = {
            "Content-Type": "application/json" if protocol == "http/json" else "application/x-protobuf",
            "Content-Length": str(len(body)),
        }
        if reply.retry_after is not None:
            headers["Retry-After"] = str(reply.retry_after)
        self.send_response(reply.status)
        for name, value in {**headers, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _lower(headers: Headers) -> dict[str, str | bytes]:
    return {name.lower(): value for name, value in headers.items()}


def _body(protocol: str, signal: Signal | None, reply: Reply) -> bytes:
    if not reply.accepts or signal is None:
        if protocol == "http/json":
            return json.dumps({"code": 0, "message": reply.message}).encode()
        from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types

        error: bytes = Status(message=reply.message).SerializeToString()
        return error
    message = response_message(signal, reply.rejected, reply.message)
    if protocol != "http/json":
        success: bytes = message.SerializeToString()
        return success
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types

    return json.dumps({"partialSuccess": {}, **MessageToDict(message)}).encode()
