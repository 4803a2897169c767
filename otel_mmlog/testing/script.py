"""What a fake receiver answers, and to which request."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from otel_mmlog.testing.messages import Message, Signal, decode_json, decode_protobuf

_GRPC_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True)
class Request:
    """One request as it came in.

    Attributes:
        signal: ``"metrics"``, ``"logs"`` or ``"traces"``.
        protocol: ``"http/json"``, ``"http/protobuf"`` or ``"grpc"``.
        path: The HTTP request's target, or the gRPC method.
        headers: Names in lower case; for gRPC the metadata.
        body: Decompressed, as JSON text or a serialized message.
        compressed_bytes: Length of the body on the wire; None for gRPC, which does not tell.
        client: The certificate's common name that the client showed, or None.
        accepted: Whether it was answered with a success.
    """

    signal: Signal
    protocol: Literal["http/json", "http/protobuf", "grpc"]
    path: str
    headers: Mapping[str, str | bytes]
    body: bytes = field(repr=False)
    compressed_bytes: int | None = None
    client: str | None = None
    accepted: bool = False

    @cached_property
    def message(self) -> Message:
        """The body as its ``Export...ServiceRequest``; raises ValueError or DecodeError for what is none."""
        return (decode_json if self.protocol == "http/json" else decode_protobuf)(self.signal, self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one request.

    Attributes:
        status: The HTTP status; over gRPC, the code that corresponds.
        grpc_code: The gRPC code's name where `status` is not to decide, such as ``"ABORTED"``.
        message: The error's words, or those of a partial success.
        rejected: Items of a success that were not taken.
        retry_after: Seconds, or for HTTP also a date; the header Retry-After or a RetryInfo.
        headers: More HTTP headers, or gRPC trailers.
        body: The HTTP body instead of the usual one.
        delay_s: How long to wait before answering; a receiver that closes meanwhile never answers.
        raw: Bytes to write to the HTTP connection instead of any response, and then to close it.
        drip_s: Seconds between two bytes of `raw` behind its headers.
    """

    status: int = 200
    grpc_code: str | None = None
    message: str = ""
    rejected: int = 0
    retry_after: float | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_s: float = 0.0
    raw: bytes | None = None
    drip_s: float = 0.0

    @property
    def accepts(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300 and self.code == "OK" and self.raw is None

    @property
    def code(self) -> str:
        """The gRPC code's name."""
        if self.grpc_code is not None:
            return self.grpc_code
        return "OK" if 200 <= self.status < 300 else _GRPC_CODES.get(self.status, "UNKNOWN")


Rule = Callable[[Request], "Reply | None"]
"""The answer to a request, or None for the next one who may say."""


def unreadable(request: Request) -> Reply | None:
    """Return what a server answers to a body that it cannot read, or None for a readable one."""
    try:
        if request.protocol != "http/json":
            _ = request.message
        elif not isinstance(json.loads(request.body), dict):  # the message itself is slow to make
            return Reply(400, message="not an object")
    except (ValueError, DecodeError) as error:
        return Reply(400, message=str(error))
    return None


@dataclass(slots=True)
class _Entry:
    reply: Reply
    signal: Signal | None
    left: int | None  # None: for ever


class Script:
    """Replies in the order in which they were asked for, each to a number of requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._rules: list[Rule] = []

    def add(self, reply: Reply, signal: Signal | None, times: int | None) -> None:
        """Give a reply to the next requests of a signal, or of any."""
        with self._lock:
            self._entries.append(_Entry(reply, signal, times))

    def add_rule(self, rule: Rule) -> None:
        """Ask a function first."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Accept everything again."""
        with self._lock:
            self._entries.clear()
            self._rules.clear()

    def reply(self, request: Request) -> Reply:
        """Return the reply to a request, and count it as used."""
        with self._lock:
            for rule in self._rules:
                found = rule(request)
                if found is not None:
                    return found
            for entry in self._entries:
                if entry.signal in (None, request.signal) and entry.left != 0:
                    if entry.left is not None:
                        entry.left -= 1
                    return entry.reply
        return Reply()
