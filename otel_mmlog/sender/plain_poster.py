"""Posts in plain HTTP, straight to the server: what a sender needs on most machines.

Without requests a sender needs 7 MB less, of which a machine has as many as ranks, and two thirds of the time to start.
"""

import contextlib
import select
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from otel_mmlog.sender.answers import HttpResponse
from otel_mmlog.sender.bounded_body import read_body
from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.posting import no_answer, refused_here, too_late
from otel_mmlog.sender.timed_response import TimedResponse


class PlainPoster:
    """Posts to an endpoint that is `Endpoint.straight`.

    Args:
        endpoint: Where.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        parts = urlsplit(endpoint.url)
        self._where = parts.netloc
        self._path = parts.path
        self._timeout_s = endpoint.timeout_s
        self._connection = _Connection(parts.hostname or "", parts.port, timeout=endpoint.timeout_s)

    def post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """See `Poster`."""
        try:
            return self._post(body, headers)
        except TimeoutError as error:
            self.close()
            raise too_late(self._where, self._timeout_s) from error
        except (OSError, HTTPException) as error:
            self.close()
            raise no_answer(self._where, error) from error
        except ValueError as error:
            self.close()
            raise refused_here(self._where, error) from error

    def close(self) -> None:
        """Release the connection; the next request opens another."""
        self._connection.close()

    def _post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        connection = self._connection
        connection.prepare(self._timeout_s)
        # A server that does not want the rest of a request may have answered before it hung up.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", self._path, body, {"accept": "*/*", **headers})
        response = connection.getresponse()
        try:
            read, is_whole = read_body(response.read1, self._timeout_s, HTTPException)
        finally:
            response.close()
        if not is_whole:
            self.close()
        return HttpResponse(
            response.status, {name.lower(): value for name, value in response.getheaders()}, read
        )


class _Connection(HTTPConnection):
    response_class = TimedResponse

    def prepare(self, timeout_s: float) -> None:
        """Connect, unless a connection is there on which the server has neither hung up nor said anything."""
        if self.sock is not None and _is_readable(self.sock.fileno()):
            self.close()
        if self.sock is None:
            self.connect()
        self.sock.settimeout(timeout_s)  # what reading the last answer has left of it


def _is_readable(fd: int) -> bool:
    poll = select.poll()  # select.select takes no descriptor above 1023
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
