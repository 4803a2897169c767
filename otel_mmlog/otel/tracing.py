"""Puts a rank's tracing together: provider, ids, place in the run's trace, and the run's span."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider

from otel_mmlog._version import __version__
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.identity import rank_trace_id
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.semconv import SCOPE_NAME
from otel_mmlog.otel.spans import RunSpans
from otel_mmlog.otel.topology import TRACE_RANKS, make_topology, read_parent
from otel_mmlog.otel.tracer import JournalSpanProcessor, OnLine, RunIds, make_tracer_provider
from otel_mmlog.otel.values import Values


@dataclass(frozen=True, slots=True)
class Tracing:
    """The tracing of one rank.

    Attributes:
        spans: The run's span, open, and what is opened under it.
        provider: For a user's own tracers; None where spans are off.
        open_starts: Gives the start events of the spans that are open, as lines of a journal.
    """

    spans: RunSpans
    provider: TracerProvider | None
    open_starts: Callable[[], bytes]


def start_tracing(
    resource: Mapping[str, Any],
    on_line: OnLine,
    *,
    encoder: Encoder,
    run_id: str,
    attempt: int,
    rank: int,
    world_size: int,
    traceparent: str = "",
    tracestate: str = "",
    trace_ranks: int = TRACE_RANKS,
    attributes: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    enabled: bool = True,
    start_ns: int | None = None,
) -> Tracing:
    """Open the run's span and make it current.

    Args:
        resource: The attributes of the process.
        on_line: Takes the lines of spans and of their starts.
        encoder: Renders them.
        run_id: Of the run; with `attempt` it gives the trace and the root span their ids.
        attempt: From 0.
        rank: From 0; rank 0 emits the root span, and the other ranks' run spans are its children.
        world_size: Number of ranks.
        traceparent: W3C header of the span that started the job, or an empty string.
        tracestate: The header that goes with it.
        trace_ranks: Above this many ranks each rank above 0 has a trace of its own, linked to the root span.
        attributes: Of the run's span, any values.
        limits: Bounds of attribute values.
        enabled: False where spans are switched off: nothing is journalled, and no span is ever current.
        start_ns: When the run's span started, in Unix nanoseconds; None for now.

    Raises:
        ConfigError: A sampler or span limit variable of OpenTelemetry cannot be used as it is.
    """
    ids = RunIds(rank_trace_id(run_id, attempt, rank))
    values = Values(limits or Limits(), encoder.faults)
    if not enabled:
        return Tracing(RunSpans(None, None, ids, values, {}), None, bytes)
    processor = JournalSpanProcessor(encoder, on_line)
    provider = make_tracer_provider(resource, processor, ids)
    topology = make_topology(
        provider.sampler,
        read_parent(traceparent, tracestate) if traceparent else Context(),
        run_id=run_id,
        attempt=attempt,
        rank=rank,
        world_size=world_size,
        trace_ranks=trace_ranks,
    )
    tracer = provider.get_tracer(SCOPE_NAME, __version__)
    spans = RunSpans(tracer, topology, ids, values, attributes or {}, start_ns)
    return Tracing(spans, provider, processor.open_starts)
