"""What an OTLP server can answer over HTTP to refuse everything, for now or until somebody changes something."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import formatdate
from functools import partial

from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.script import Reply, Request
from tests.faults.endpoint.refusals import (
    ALONE_S,
    BATCH_REQUESTS,
    HEADERS_ADVICE,
    PROBE_S,
    RETRIES,
    Refusal,
    refused,
)
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import SIGNALS
from tests.faults.outcome import Outcome, unless

_PATH = "Check the endpoint's path"
_IN_PROTOBUF = Refusal(
    Reply(
        429,
        body=Status(message="Ingestion rate limit exceeded").SerializeToString(),
        headers={"Content-Type": "application/octet-stream"},
    ),
    "HTTP 429 Too Many Requests: Ingestion rate limit exceeded",
)
"""How Loki refuses."""

_TOO_LARGE = Refusal(Reply(413), "HTTP 413", pauses=True, most=BATCH_REQUESTS)


def _retried(status: int) -> Callable[[Context], Outcome]:
    return partial(refused, refusal=Refusal(Reply(status), f"HTTP {status}", alone_s=ALONE_S))


def _paused(status: int, advice: str, alone_s: float = 0.0) -> Callable[[Context], Outcome]:
    refusal = Refusal(Reply(status), advice, pauses=True, most=1, alone_s=alone_s)
    return partial(refused, refusal=refusal)


def _by_signal(answers: Mapping[str, Reply], says: str, *, pauses: bool) -> Callable[[Context], Outcome]:
    refusal = Refusal(
        lambda request: answers[request.signal], says, pauses=pauses, most=1 if pauses else RETRIES
    )
    return partial(refused, refusal=refusal)


def _later(context: Context, *, as_date: bool) -> Outcome:
    """The server says when to come back: nobody comes earlier, whatever is flushed."""
    wait_s = context.pick(3, 30)

    def answer(_: Request) -> Reply:
        if not as_date:
            return Reply(429, retry_after=wait_s)
        return Reply(
            429, retry_after=formatdate(time.time() + wait_s + 1, usegmt=True)
        )  # dates are cut to seconds

    return refused(context, Refusal(answer, "HTTP 429", most=1, asked_s=wait_s))


def _redirected(context: Context, statuses: Mapping[str, int]) -> Outcome:
    """The server sends each signal elsewhere, and nobody goes there."""
    with FakeReceiver() as target:

        def answer(request: Request) -> Reply:
            location = f"{target.http_endpoint}/v1/{request.signal}"
            return Reply(statuses[request.signal], headers={"Location": location})

        refusal = Refusal(answer, "which is not followed", pauses=True, most=1)
        outcome = refused(context, refusal)
        connections = target.connections
    strays = unless(connections == 0, f"the target got {connections} connections")
    return replace(outcome, wrong=[*outcome.wrong, *strays])


def _all_bad(context: Context) -> Outcome:
    """The server finds something wrong with everything: it gets protobuf, and then a pause."""
    encodings: Counter[tuple[str, str]] = Counter()

    def answer(request: Request) -> Reply:
        encodings[request.signal, request.protocol] += 1
        return Reply(400, message="malformed")

    refusal = Refusal(answer, "HTTP 400 Bad Request: malformed", pauses=True, most=1 + BATCH_REQUESTS)
    outcome = refused(context, refusal)
    wrong = [
        f"{signal}: {as_json} requests with JSON and {encodings[signal, 'http/protobuf']} with protobuf"
        for signal in SIGNALS
        if (as_json := encodings[signal, "http/json"]) != 1 or not encodings[signal, "http/protobuf"]
    ]
    return replace(outcome, wrong=[*outcome.wrong, *wrong])


FAULTS: Sequence[Fault] = named(
    "endpoint",
    [
        *(Fault(f"http-{status}", _retried(status)) for status in (408, 429, 500, 502, 503, 504)),
        Fault(
            "http-other-5xx",
            _by_signal(
                {"metrics": Reply(501), "logs": Reply(507), "traces": Reply(599)}, "HTTP 5", pauses=False
            ),
        ),
        Fault("http-429-in-30-s", partial(_later, as_date=False)),
        Fault("http-429-at-a-date", partial(_later, as_date=True)),
        Fault("http-401", _paused(401, HEADERS_ADVICE, alone_s=PROBE_S)),
        Fault("http-403", _paused(403, HEADERS_ADVICE)),
        Fault("http-404", _paused(404, _PATH)),
        Fault("http-405", _paused(405, _PATH)),
        Fault(
            "http-other-4xx",
            _by_signal(
                {"metrics": Reply(402), "logs": Reply(410), "traces": Reply(451)}, "HTTP 4", pauses=True
            ),
        ),
        Fault("http-302", partial(_redirected, statuses=dict.fromkeys(SIGNALS, 302))),
        Fault("http-other-3xx", partial(_redirected, statuses={"metrics": 301, "logs": 307, "traces": 308})),
        Fault("http-400", _all_bad),
        Fault("http-413-whatever-the-size", partial(refused, refusal=_TOO_LARGE)),
        Fault("http-429-in-protobuf", partial(refused, refusal=_IN_PROTOBUF)),
        Fault(
            "http-protobuf-503",
            partial(
                refused,
                refusal=Refusal(
                    Reply(503, message="full"), "HTTP 503 Service Unavailable: full", "http/protobuf"
                ),
            ),
        ),
    ],
)
