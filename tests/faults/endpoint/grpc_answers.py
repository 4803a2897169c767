"""What an OTLP server can answer over gRPC to refuse everything, for now or until somebody changes something."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from otel_mmlog.testing.script import Reply
from tests.faults.endpoint.refusals import (
    ALONE_S,
    BATCH_REQUESTS,
    HEADERS_ADVICE,
    PROBE_S,
    Refusal,
    refused,
)
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome

_TIMEOUT_S = 0.5


def _refused(code: str, says: str = "", **how: Any) -> Fault:
    """A server that answers with a code to everything."""
    refusal = Refusal(
        Reply(503, grpc_code=code, message="not so"), says or f"gRPC {code}: not so", "grpc", **how
    )
    return Fault(f"grpc-{code}", partial(refused, refusal=refusal))


def _later(context: Context) -> Outcome:
    """RetryInfo says when to come back: nobody comes earlier, whatever is flushed."""
    wait_s = float(context.pick(3, 30))
    reply = Reply(429, retry_after=wait_s)
    return refused(context, Refusal(reply, "gRPC RESOURCE_EXHAUSTED", "grpc", most=1, asked_s=wait_s))


def _silent() -> Callable[[Context], Outcome]:
    """The server takes a request and does not answer: what passes is our own deadline."""
    reply = Reply(503, delay_s=4 * _TIMEOUT_S)
    variables = {"OTEL_EXPORTER_OTLP_TIMEOUT": str(_TIMEOUT_S)}
    return partial(
        refused,
        refusal=Refusal(reply, "gRPC DEADLINE_EXCEEDED", "grpc", alone_s=ALONE_S, variables=variables),
    )


FAULTS: Sequence[Fault] = named(
    "endpoint",
    [
        *(
            _refused(code, alone_s=ALONE_S)
            for code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "UNKNOWN")
        ),
        Fault("grpc-no-answer", _silent()),
        Fault("grpc-RESOURCE_EXHAUSTED-in-30-s", _later),
        _refused("RESOURCE_EXHAUSTED", pauses=True, most=BATCH_REQUESTS),
        _refused("UNAUTHENTICATED", HEADERS_ADVICE, pauses=True, most=1, alone_s=PROBE_S),
        _refused("PERMISSION_DENIED", HEADERS_ADVICE, pauses=True, most=1),
        _refused("UNIMPLEMENTED", "Is it an OTLP server", pauses=True, most=1),
        _refused("INVALID_ARGUMENT", pauses=True, most=BATCH_REQUESTS),
    ],
)
