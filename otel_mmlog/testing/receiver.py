"""An OTLP server on loopback that keeps what it gets and answers as it is told."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

from otel_mmlog.testing.http_server import HttpServer
from otel_mmlog.testing.items import Log, Point, Span, logs_of, points_of, spans_of
from otel_mmlog.testing.messages import Signal
from otel_mmlog.testing.script import Reply, Request, Rule, Script, unreadable
from otel_mmlog.testing.server_tls import Tls


class FakeReceiver:
    """Takes OTLP over HTTP (JSON and protobuf) and gRPC on free ports of 127.0.0.1, from ``with`` to its end.

        with FakeReceiver() as receiver:
            receiver.answer(503, retry_after=2, times=3)
            ...
            assert len(receiver.requests) == 4
            assert receiver.points()[0].value == 0.5

    Without a script it accepts everything that it can read and answers 400 to the rest. The gRPC server starts when its
    endpoint is first asked for: a process that forks afterwards should not ask.

    Args:
        tls: Makes both endpoints ``https``; None for none.
        http_port: Where HTTP is served; 0 for a free port.
        grpc_port: Where gRPC is served; 0 for a free port.
        paths: HTTP paths besides ``.../v1/metrics``, ``.../v1/logs`` and ``.../v1/traces``, and what is sent there.
    """

    def __init__(
        self,
        *,
        tls: Tls | None = None,
        http_port: int = 0,
        grpc_port: int = 0,
        paths: Mapping[str, Signal] | None = None,
    ) -> None:
        self._tls = tls
        self._grpc_port = grpc_port
        self._script = Script()
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._closing = threading.Event()
        self._http = HttpServer(self._handle, tls, http_port, paths or {}, self._closing)
        self._grpc: Any = None

    def __enter__(self) -> "FakeReceiver":
        """Start to listen."""
        self._http.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection; what was received stays readable."""
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._http.close()
        with self._lock:
            server, self._grpc = self._grpc, None
        if server is not None:
            server.close()

    @property
    def http_endpoint(self) -> str:
        """For ``OTEL_EXPORTER_OTLP_ENDPOINT``: ``http://127.0.0.1:41234``."""
        return self._endpoint(self._http.port)

    @property
    def grpc_endpoint(self) -> str:
        """For ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``OTEL_EXPORTER_OTLP_PROTOCOL=grpc``."""
        with self._lock:
            if self._grpc is None:
                from otel_mmlog.testing.grpc_server import GrpcServer  # noqa: PLC0415 - its threads and a fork don't mix

                self._grpc = GrpcServer(self._handle, self._tls, self._grpc_port)
        return self._endpoint(self._grpc.port)

    @property
    def connections(self) -> int:
        """How many HTTP connections were accepted so far."""
        return self._http.connections

    @property
    def requests(self) -> list[Request]:
        """Every request so far, those that were refused too, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def answer(
        self, status: int = 200, *, times: int | None = 1, signal: Signal | None = None, **reply: Any
    ) -> None:
        """Answer the next requests in this way; several calls queue up.

        Args:
            status: The HTTP status, or what corresponds in gRPC.
            times: To how many requests; None for all that follow.
            signal: Of which signal; None for any.
            reply: The other fields of `Reply`.
        """
        self._script.add(Reply(status, **reply), signal, times)

    def answer_by(self, rule: Rule) -> None:
        """Answer by a function of the request; where it returns None, the queue of `answer` decides."""
        self._script.add_rule(rule)

    def accept(self) -> None:
        """Forget all answers that were asked for: accept everything again."""
        self._script.clear()

    def points(self, name: str | None = None) -> list[Point]:
        """Return the points of gauges and sums in accepted requests, of one metric or all, in order of arrival."""
        return [point for point in self._items("metrics", points_of) if name in (None, point.name)]

    def logs(self) -> list[Log]:
        """Return the log records of accepted requests, in order of arrival."""
        return self._items("logs", logs_of)

    def spans(self) -> list[Span]:
        """Return the spans of accepted requests, in order of arrival."""
        return self._items("traces", spans_of)

    def _items(self, signal: Signal, items_of: "Callable[[Any], Iterator[Any]]") -> list[Any]:
        accepted = [request for request in self.requests if request.accepted and request.signal == signal]
        return [item for request in accepted for item in items_of(request.message)]

    def _endpoint(self, port: int) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"

    def _handle(self, request: Request) -> Reply:
        reply = unreadable(request) or self._script.reply(request)
        with self._lock:
            self._requests.append(replace(request, accepted=reply.accepts))
        if reply.delay_s:
            self._closing.wait(reply.delay_s)
        return reply
