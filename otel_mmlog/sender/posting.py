"""What a transport needs of whoever posts for it: an answer, or why there is none."""

from collections.abc import Mapping
from http.client import BadStatusLine, RemoteDisconnected
from typing import Literal, Protocol

from otel_mmlog.sender.answers import HttpResponse


class NotPostedError(Exception):
    """There is no answer.

    Attributes:
        kind: What to do about it; see `Answer`.
    """

    def __init__(self, kind: Literal["retry", "pause"], words: str) -> None:
        super().__init__(words)
        self.kind: Literal["retry", "pause"] = kind


class Poster(Protocol):
    """Posts to the one URL that it was made for, on connections that it keeps."""

    def post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Send and wait for the answer, with no redirect followed.

        Raises:
            NotPostedError: There is none, whatever the reason is.
        """

    def close(self) -> None:
        """Release connections."""


def refused_here(where: str, error: ValueError) -> NotPostedError:
    """What cannot be sent at all; the error's own words may hold a proxy's password."""
    words = (
        f"{where} cannot be asked: its URL, a proxy's URL or a header is refused as {type(error).__name__}"
    )
    return NotPostedError("pause", words)


def too_late(where: str, timeout_s: float) -> NotPostedError:
    """The time for a connection or an answer is over."""
    return NotPostedError("retry", f"{where} did not answer within {timeout_s:g} s")


def no_answer(where: str, cause: BaseException) -> NotPostedError:
    """The connection, or what came over it, is at fault."""
    if isinstance(cause, RemoteDisconnected):
        return NotPostedError("retry", f"no answer from {where}: it hung up")
    if isinstance(cause, BadStatusLine):
        return NotPostedError(
            "retry", f"no answer from {where}: what came back is not HTTP/1.1 (a gRPC server?)"
        )
    return NotPostedError("retry", f"no answer from {where}: {str(cause) or type(cause).__name__}")
