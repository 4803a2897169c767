"""Servers that do something to a connection which is not HTTP's business: each on a port of 127.0.0.1."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

POLL_S = 0.05
_AT_ONCE_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Wire:
    """A port and what happened there.

    Attributes:
        port: On 127.0.0.1.
        connections: How many were accepted.
        done: How often the fault was made to its end, unless the function counts something else.
        closing: Set when it is over.
    """

    port: int
    connections: int = 0
    done: int = 0
    closing: threading.Event = field(default_factory=threading.Event)


Handle = Callable[[Wire, socket.socket], None]
"""Does something to a connection, which is closed afterwards; it may raise OSError."""


@contextmanager
def refusing() -> Iterator[Wire]:
    """A port that nobody listens on, and that nobody else can take."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield Wire(holder.getsockname()[1])


@contextmanager
def dropping() -> Iterator[Wire]:
    """A port whose queue of new connections is full for ever, so that the kernel drops every SYN."""
    with socket.socket() as server, contextlib.ExitStack() as clients:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        while _is_accepted(clients.enter_context(socket.socket()), server.getsockname()):
            pass
        yield Wire(server.getsockname()[1])


@contextmanager
def serving(handle: Handle) -> Iterator[Wire]:
    """A server that gives each connection to a function, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(POLL_S)
        wire = Wire(server.getsockname()[1])
        accepting = threading.Thread(target=_accept, args=(server, wire, handle), daemon=True)
        accepting.start()
        try:
            yield wire
        finally:
            wire.closing.set()
            accepting.join()


def silent(wire: Wire, connection: socket.socket) -> None:
    """Take what comes and answer nothing."""
    while not wire.closing.is_set():
        with contextlib.suppress(TimeoutError):
            if not connection.recv(65536):
                return


def drip(wire: Wire, connection: socket.socket) -> None:
    """Begin to answer, a byte a second."""
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50 + b"Content-Length: 2\r\n\r\n{}":
        if wire.closing.wait(1.0):
            return
        connection.sendall(bytes((byte,)))
    wire.done += 1


def reset_within_request(wire: Wire, connection: socket.socket) -> None:
    """Read up to the middle of a request's body, then end the connection by a RST."""
    _, body, length = read_head(connection)
    while len(body) < length // 2:
        body += connection.recv(min(4096, length // 2 - len(body)))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE_RESET)
    wire.done += 1


def endless(wire: Wire, connection: socket.socket, *, head: bytes, part: bytes) -> None:
    """Answer with a head, and then with a part for ever, as fast as they are taken; `done` is the bytes at most."""
    read_request(connection)
    connection.sendall(head)
    sent = 0
    while not wire.closing.is_set():
        sent += connection.send(part)
        wire.done = max(wire.done, sent)


def read_request(connection: socket.socket) -> bytes:
    """The body of a request.

    Raises:
        OSError: It was not all sent.
    """
    _, body, length = read_head(connection)
    while len(body) < length:
        body += _some(connection)
    return body


def read_head(connection: socket.socket) -> tuple[bytes, bytes, int]:
    """The head of a request, what came with it of the body, and how long that is.

    Raises:
        OSError: It was not all sent.
    """
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return head, body, int(length.partition(b":")[2])


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(1024)
    if not data:
        raise ConnectionError("the client ended the connection")
    return data


def _is_accepted(client: socket.socket, address: tuple[str, int]) -> bool:
    client.settimeout(0.3)
    try:
        client.connect(address)
    except TimeoutError:
        return False
    return True


def _accept(server: socket.socket, wire: Wire, handle: Handle) -> None:
    threads = []
    while not wire.closing.is_set():
        with contextlib.suppress(TimeoutError):
            connection, _ = server.accept()
            connection.settimeout(POLL_S)
            wire.connections += 1
            threads.append(threading.Thread(target=_serve, args=(wire, connection, handle), daemon=True))
            threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(wire: Wire, connection: socket.socket, handle: Handle) -> None:
    with connection, contextlib.suppress(OSError):
        handle(wire, connection)
