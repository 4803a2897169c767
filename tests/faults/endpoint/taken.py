"""What an OTLP server can answer when it takes what it gets, or all but a part of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.items import logs_of, points_of, spans_of
from otel_mmlog.testing.messages import response_message
from otel_mmlog.testing.script import Reply, Request
from tests.faults.endpoint.refusals import (
    PROMPT_S,
    Protocol,
    beside_healthy,
    in_usual_time,
    left_out,
    training_to,
    unquarantined,
    words_of,
)
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import SIGNALS, Items, balance, on_disk, taken
from tests.faults.outcome import Outcome, undisturbed, unless
from tests.faults.training import wait_for_senders

ITEMS_OF: Mapping[str, Callable[[Any], Iterator[Any]]] = {
    "metrics": points_of,
    "logs": logs_of,
    "traces": spans_of,
}
_PROTOBUF = {"Content-Type": "application/x-protobuf"}
_REJECTED = 2


def delivered(
    context: Context,
    answer: Callable[[Request], Reply | None],
    *,
    says: str = "",
    protocol: Protocol = "http/json",
    rejected: Counter[str] | None = None,
) -> Outcome:
    """It counts as delivered, is not sent again, and closing finds nothing left.

    Args:
        context: How.
        answer: Of the server.
        says: What the sender's words must have in them.
        protocol: How the server is asked.
        rejected: Items that the server says it dropped so far, by signal.
    """
    with FakeReceiver() as receiver:
        receiver.answer_by(answer)
        with training_to(context, receiver, protocol) as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            logged = on_disk(faulty.journals)
            wrong = unless(faulty.flush(PROMPT_S), "flush did not say that all was delivered")
            left = left_out(logged, taken(receiver))
            wrong += unless(left == 0, f"flush said that all was delivered, and {left} items were not")
            faulty.train(100)
            closed = faulty.close()
        wait_for_senders(faulty.work_dir)
        kept = _without(taken(receiver), rejected or Counter())
        sums, unbalanced = balance(closed, kept, on_disk(faulty.journals))
    words = words_of(faulty.work_dir)
    wrong += unless(closed.complete, "close did not say that all was delivered")
    wrong += unless(says in words, f"the sender did not say {says!r}: {words[-300:]}")
    wrong += unless(sums.repeated == 0, f"{sums.repeated} items were sent again")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += [*unbalanced, *in_usual_time(context, closed.close_s), *unquarantined(faulty.work_dir)]
    return Outcome(sums, steps, closed.close_s, [*wrong, *undisturbed(steps)])


def _always(reply: Reply, says: str = "") -> Callable[[Context], Outcome]:
    return partial(delivered, answer=lambda _: reply, says=says)


def _in_part(context: Context, protocol: Protocol, *, as_protobuf: bool = False) -> Outcome:
    """The server takes all but two items of each request, and says so."""
    rejected: Counter[str] = Counter()

    def answer(request: Request) -> Reply:
        count = min(_REJECTED, sum(1 for _ in ITEMS_OF[request.signal](request.message)))
        rejected[request.signal] += count
        if not as_protobuf:
            return Reply(rejected=count, message="too old")
        body = response_message(request.signal, count, "too old").SerializeToString()
        return Reply(body=body, headers=_PROTOBUF)

    says = f"the server rejected {_REJECTED} of the items: too old"
    return delivered(context, answer, says=says, protocol=protocol, rejected=rejected)


def _only_protobuf(context: Context) -> Outcome:
    """The server does not take JSON: after one try a signal it gets protobuf."""
    as_json: Counter[str] = Counter()

    def answer(request: Request) -> Reply | None:
        as_json[request.signal] += request.protocol == "http/json"
        return Reply(415) if request.protocol == "http/json" else None

    outcome = delivered(context, answer)
    again = [f"{signal}: {count} requests with JSON" for signal, count in as_json.items() if count != 1]
    return Outcome(outcome.sums, outcome.steps, outcome.close_s, [*outcome.wrong, *again])


def _without(items: Items, rejected: Counter[str]) -> Items:
    """What is kept of what was sent."""
    return {signal: Counter(dict(list(items[signal].items())[rejected[signal] :])) for signal in SIGNALS}


FAULTS: Sequence[Fault] = named(
    "endpoint",
    [
        Fault("http-200-empty", _always(Reply(body=b""))),
        Fault("http-204", _always(Reply(204, body=b""))),
        Fault("http-200-garbage", _always(Reply(body=b"<p>Welcome!</p>"), "is it an OTLP server?")),
        Fault(
            "http-200-broken-protobuf",
            _always(Reply(body=b"\xff\xff", headers=_PROTOBUF), "is it an OTLP server?"),
        ),
        Fault("http-200-partial", partial(_in_part, protocol="http/json")),
        Fault("http-200-partial-in-protobuf", partial(_in_part, protocol="http/json", as_protobuf=True)),
        Fault("http-protobuf-200-partial", partial(_in_part, protocol="http/protobuf")),
        Fault("grpc-OK-partial", partial(_in_part, protocol="grpc")),
        Fault("http-415", _only_protobuf),
    ],
)
