"""A sink that keeps what it gets as a tree, and the set-up around MMEngine's registry."""

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

Clock = Callable[[], int]


class Kept:
    """A span as a sink got it; `lines` has its records and spans in order."""

    def __init__(self, sink: "Recording", name: str, attributes: Mapping[str, Any], start_ns: int) -> None:
        self.name = name
        self.attributes = dict(attributes)
        self.start_ns = start_ns
        self.end_ns: int | None = None
        self.error: BaseException | None = None
        self.inside: list[Any] = []
        self.parent = sink.current.get()
        self._sink = sink

    def set(self, attributes: Mapping[str, Any]) -> None:
        assert self.end_ns is None
        self.attributes.update(attributes)

    def close(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        if self.end_ns is None:
            self.end_ns = self._sink.clock_ns() if end_ns is None else end_ns
            self.error = error
            self._sink.current.set(self.parent)

    def tree(self) -> tuple[Any, ...]:
        """Everything about it as plain values, to compare."""
        inside = [item.tree() if isinstance(item, Kept) else item for item in self.inside]
        return self.name, self.attributes, self.start_ns, self.end_ns, self.error, inside


class Recording:
    """Keeps spans and records under the span that is current in the context they come from."""

    def __init__(self, clock_ns: Clock = lambda: 0) -> None:
        self.clock_ns = clock_ns
        self.current: ContextVar[Kept | None] = ContextVar("current", default=None)
        self.inside: list[Any] = []
        self.spans: list[Kept] = []
        self.written: list[tuple[logging.LogRecord, str | None, dict[str, Any] | None]] = []

    def open_span(self, name: str, attributes: Mapping[str, Any], *, start_ns: int | None = None) -> Kept:
        span = Kept(self, name, attributes, self.clock_ns() if start_ns is None else start_ns)
        self._here().append(span)
        self.current.set(span)
        self.spans.append(span)
        return span

    def write(
        self,
        record: logging.LogRecord,
        event_name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        plain = None if attributes is None else dict(attributes)
        self.written.append((record, event_name, plain))
        self._here().append((record, event_name, plain))

    def tree(self) -> list[Any]:
        return [item.tree() if isinstance(item, Kept) else item for item in self.inside]

    def outline(self, span: Kept | None = None) -> list[Any]:
        """Return what is inside a span: ``(kind, class, inside)`` of spans, ``kind: text`` of events and lines."""
        lines: list[Any] = []
        for item in self.inside if span is None else span.inside:
            if isinstance(item, Kept):
                lines.append((item.name.rpartition(".")[2], item.attributes.get("class"), self.outline(item)))
            else:
                record, event_name, _ = item
                lines.append(f"{(event_name or 'line').rpartition('.')[2]}: {record.getMessage()}")
        return lines

    def texts(self, event_name: str | None) -> list[str]:
        return [record.getMessage() for record, name, _ in self.written if name == event_name]

    def _here(self) -> list[Any]:
        current = self.current.get()
        return self.inside if current is None else current.inside
