"""The SDK's tracer provider of a run: derived ids, and a journal where an exporter would be."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.providers import RunTracerProvider

OnLine = Callable[[EncodedLine], object]
"""Takes a line, as the journal's ``append`` does; what it returns is ignored."""


class RunIds(IdGenerator):
    """Gives every trace that starts in this process the same id.

    Span ids come from the operating system: the ``random`` module is the user's to seed, alike on all ranks.

    Args:
        trace_id: Of each span without a parent.
    """

    def __init__(self, trace_id: int) -> None:
        self._trace_id = trace_id
        self.next_span_id: int | None = None
        """The id of the one span that starts next, instead of a random one."""

    def generate_span_id(self) -> int:
        """Return a 64-bit id, not zero."""
        span_id, self.next_span_id = self.next_span_id, None
        while not span_id:
            span_id = int.from_bytes(os.urandom(8), "big")
        return span_id

    def generate_trace_id(self) -> int:
        """Return the 128-bit id of the trace."""
        return self._trace_id

    def is_trace_id_random(self) -> bool:
        """Return False: it is derived."""
        return False


class JournalSpanProcessor(SpanProcessor):
    """Hands over a log event at each sampled span's start, and the span at its end.

    A span that was started before a fork belongs to the parent process alone.

    Args:
        encoder: Renders both.
        on_line: Takes the lines.
    """

    def __init__(self, encoder: Encoder, on_line: OnLine) -> None:
        self._encoder = encoder
        self._on_line = on_line
        self._started: dict[int, tuple[int, bytes]] = {}

    def on_start(
        self,
        span: Span,
        parent_context: Context | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> None:
        """Journal that the span is open."""
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            line = self._encoder.start_line(span, context)
            self._started[context.span_id] = (os.getpid(), line.data)
            self._on_line(line)

    def on_end(self, span: ReadableSpan) -> None:
        """Journal the span."""
        context = span.get_span_context()
        if context is None:
            return
        pid, _ = self._started.pop(context.span_id, (None, b""))
        if pid == os.getpid():
            for line in self._encoder.spans_lines([span]):
                self._on_line(line)

    def open_starts(self) -> bytes:
        """The start events of the spans that are open, as lines.

        With them at the head of each segment a reader of the last one knows every span that a dead process
        left open, also where the earlier segments were delivered and removed.
        """
        return b"".join([line for _, line in list(self._started.values())])


def make_tracer_provider(
    resource: Mapping[str, Any], processor: JournalSpanProcessor, ids: RunIds
) -> TracerProvider:
    """Return a provider that is nobody's global one; the SDK reads sampler and span limits from the environment.

    Raises:
        ConfigError: One of those variables cannot be used as it is.
    """
    try:
        provider = RunTracerProvider(
            resource=Resource(dict(resource)), shutdown_on_exit=False, id_generator=ids
        )
    except ValueError as error:
        raise ConfigError(f"OpenTelemetry cannot use its environment variables: {error}") from error
    provider.add_span_processor(processor)
    return provider
