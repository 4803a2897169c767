"""Where a rank's spans belong: in the run's one trace, or in a trace of its own that links there."""

from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_mmlog.otel.identity import rank_trace_id, root_span_id, run_trace_id
from otel_mmlog.otel.semconv import SPAN_RUN

TRACE_RANKS = 64
"""Above this many ranks each has a trace of its own: servers limit the spans of one trace."""


@dataclass(frozen=True, slots=True)
class Topology:
    """The ids that all ranks of an attempt derive alike.

    Attributes:
        is_root: Whether this rank emits the root span.
        shares_trace: Whether this rank's run span is in the run's trace.
        own_trace_id: Trace of this rank's spans that have no parent.
        root: The root span as rank 0 emits it, sampled or not as its sampler will decide.
        parent: Context with the span that started the job (``TRACEPARENT``), or an empty one.
    """

    is_root: bool
    shares_trace: bool
    own_trace_id: int
    root: SpanContext
    parent: Context

    def run_context(self) -> Context:
        """Return the context in which the run span of this rank starts."""
        if self.is_root:
            return self.parent
        if self.shares_trace or not self.root.trace_flags.sampled:
            return set_span_in_context(NonRecordingSpan(self.root), Context())
        return Context()

    def links(self) -> list[Link]:
        """Return the link of a span that starts a trace of its own."""
        return [Link(self.root)]


def read_parent(traceparent: str, tracestate: str = "") -> Context:
    """Return a context with the W3C parent, or an empty one if there is none or it cannot be read."""
    carrier = {"traceparent": traceparent.strip(), "tracestate": tracestate.strip()}
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


def make_topology(
    sampler: Sampler,
    parent: Context,
    *,
    run_id: str,
    attempt: int,
    rank: int,
    world_size: int,
    trace_ranks: int = TRACE_RANKS,
) -> Topology:
    """Return where the spans of one rank belong; every rank of an attempt derives the same root."""
    upstream = get_current_span(parent).get_span_context()
    trace_id = upstream.trace_id if upstream.is_valid else run_trace_id(run_id, attempt)
    decision = sampler.should_sample(parent, trace_id, SPAN_RUN).decision
    flags = TraceFlags(TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
    return Topology(
        is_root=rank == 0,
        shares_trace=world_size <= trace_ranks,
        own_trace_id=rank_trace_id(run_id, attempt, rank),
        root=SpanContext(trace_id, root_span_id(run_id, attempt), is_remote=True, trace_flags=flags),
        parent=parent,
    )
