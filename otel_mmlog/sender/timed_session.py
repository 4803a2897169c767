"""A session of requests on which an answer has to be there in time: a byte now and then wins it no more time.

By itself every read may take the whole timeout, so that a server which drips its headers, or says ``100 Continue``
for ever, would keep a thread for days.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


def timed_session() -> requests.Session:
    """Return a session whose read timeout is for the whole of an answer, from its first to its last byte."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a moment.

    Args:
        reader: Of the socket.
        sock: Its timeout now is that of everything which is read here.
    """

    def __init__(self, reader: io.RawIOBase, sock: socket.socket) -> None:
        self._reader = reader
        self._sock = sock
        timeout_s = sock.gettimeout()
        self._deadline_s = None if timeout_s is None else time.monotonic() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read once; raises TimeoutError when the time is over."""
        if self._deadline_s is not None:
            left_s = self._deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the answer came too slowly")
            self._sock.settimeout(left_s)
        return self._reader.readinto(buffer)

    def close(self) -> None:
        self._reader.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):  # that one has pools of its own
            manager.pool_classes_by_scheme = _POOLS
        return manager
