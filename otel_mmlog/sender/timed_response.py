"""An answer of ``http.client`` that has to be there in time: a byte now and then wins it no more time.

By itself every read may take the whole timeout, so that a server which drips its headers, or says ``100 Continue``
for ever, would keep a thread for days.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any


class TimedResponse(HTTPResponse):
    """A response for which the socket's timeout counts from its first to its last byte."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


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
