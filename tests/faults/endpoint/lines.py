"""What an OTLP server can refuse for some of what it gets: too large, malformed, too old, or of one signal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from otel_mmlog.otel.lines import Signal
from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.items import Log, Point, Span, points_of
from otel_mmlog.testing.script import Reply, Request
from tests.end_to_end.servers import wait_until
from tests.faults.endpoint.refusals import (
    BATCH_REQUESTS,
    PROMPT_S,
    Protocol,
    beside_healthy,
    endpoint_of,
    in_time,
    in_usual_time,
    in_vain,
    left_out,
    sent_by_hand,
    training_to,
    unquarantined,
)
from tests.faults.endpoint.taken import ITEMS_OF, delivered
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import SIGNALS, balance, on_disk, taken
from tests.faults.outcome import Outcome, undisturbed, unless
from tests.faults.training import send, started, wait_for_senders

_LIMIT_BYTES = {"http/json": 12_000, "grpc": 6_000}
_EARLIER = "earlier"


def _too_large(context: Context, protocol: Protocol) -> Outcome:
    """The server takes small requests only: what is too large is split and gets through."""
    refused: Counter[str] = Counter()

    def answer(request: Request) -> Reply | None:
        is_large = len(request.body) > _LIMIT_BYTES[protocol]
        refused[request.signal] += is_large
        return Reply(413) if is_large else None

    outcome = delivered(context, answer, protocol=protocol)
    few = unless(0 < refused["metrics"] <= 40, f"{refused['metrics']} requests were too large")
    return replace(outcome, wrong=[*outcome.wrong, *few])


def _one_bad(context: Context, protocol: Protocol) -> Outcome:
    """The server refuses whole requests for one line of each signal: only that is set aside, and can be sent later."""
    refused: Counter[str] = Counter()

    def answer(request: Request) -> Reply | None:
        is_bad = any(_is_bad(item) for item in ITEMS_OF[request.signal](request.message))
        refused[request.signal] += is_bad
        return Reply(400, message="cannot be") if is_bad else None

    with FakeReceiver() as receiver:
        receiver.answer_by(answer)
        with training_to(context, receiver, protocol) as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            wrong = unless(faulty.flush(PROMPT_S), "flush did not say that all was dealt with")
            closed = faulty.close()
        wait_for_senders(faulty.work_dir)
        sums, unbalanced = balance(closed, taken(receiver), on_disk(faulty.journals))
        receiver.accept()
        endpoint = endpoint_of(receiver, protocol)
        again = send(faulty.work_dir, endpoint, "--protocol", protocol, "--quarantined")
        missing = balance(closed, taken(receiver), on_disk(()))[0].missing + sums.quarantined
    wrong += [*unbalanced, *in_usual_time(context, closed.close_s), *undisturbed(steps)]
    aside = {signal: closed.quarantined[signal] for signal in ("logs", "traces")}
    wrong += unless(aside == {"logs": 1, "traces": 1}, f"{aside} were set aside")
    wrong += unless(
        0 < closed.quarantined["metrics"] < 20, f"{closed.quarantined['metrics']} points were set aside"
    )
    wrong += [f"{signal}: {count} requests" for signal, count in refused.items() if count > BATCH_REQUESTS]
    wrong += unless(
        again.returncode == 0 and missing == 0, f"{missing} items were lost when they were sent again"
    )
    return Outcome(sums, steps, closed.close_s, wrong)


def _is_bad(item: Point | Log | Span) -> bool:
    match item:
        case Point():
            return item.name == "mmlog.train.scalar0" and bool(item.value == 109)
        case Log():
            return bool(item.body == "step 50")
    return bool(item.attributes.get("step") == 100)


def _too_old(context: Context) -> Outcome:
    """The server refuses whole requests for the points of an earlier run: live ones pass, few requests are lost."""
    batches, has_live = _Batches(), False

    def answer(request: Request) -> Reply | None:
        nonlocal has_live
        if request.signal != "metrics":
            return None
        points = points_of(request.message)
        old = {(each.name, each.time_ns) for each in points if each.attributes["mmlog.run.id"] == _EARLIER}
        if old and has_live:
            batches.refuse(old)
            return Reply(400, message="out of order sample")
        has_live = not old
        return Reply(503) if old else None

    with FakeReceiver() as receiver:
        receiver.answer_by(answer)
        with started(context.folder / "faulty", {"OTEL_MMLOG_RUN_ID": _EARLIER}, pause_ms=0) as earlier:
            earlier.train(context.pick(2000, 6000))
            before = earlier.close()
        with training_to(context, receiver, "http/json") as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            wrong = unless(faulty.flush(4 * PROMPT_S), "flush did not say that all was dealt with")
            now = faulty.close()
        wait_for_senders(faulty.work_dir)
        closed = replace(now, produced=Counter(before.produced) + Counter(now.produced))
        sums, unbalanced = balance(closed, taken(receiver), on_disk(faulty.journals))
    wrong += [*unbalanced, *in_usual_time(context, now.close_s), *undisturbed(steps)]
    aside = now.quarantined["metrics"]
    wrong += unless(aside == before.produced["metrics"] >= 2000, f"{aside} points were set aside")
    wrong += unless(
        1 <= len(batches.requests) <= 1 + aside // 4000, f"{len(batches.requests)} batches were refused"
    )
    # The one request more shows that the server takes another line.
    wrong += [f"a batch cost {count + 1} requests" for count in batches.requests if count >= BATCH_REQUESTS]
    return Outcome(
        sums, steps, now.close_s, wrong, f"{max(batches.requests, default=0)} refused requests a batch"
    )


class _Batches:
    """Tells by what is in them which refused requests are of one batch.

    Attributes:
        requests: How many each batch cost so far.
    """

    def __init__(self) -> None:
        self.requests: list[int] = []
        self._items: set[tuple[str, int]] = set()

    def refuse(self, items: set[tuple[str, int]]) -> None:
        """Count a request with these items."""
        if not items <= self._items:
            self._items = items
            self.requests.append(0)
        self.requests[-1] += 1


def _one_signal(context: Context, signal: Signal, reply: Reply) -> Outcome:
    """The server refuses one signal for ever: the two others arrive, and are not sent again for it."""
    others = [each for each in SIGNALS if each != signal]
    with FakeReceiver() as receiver:
        receiver.answer_by(lambda request: reply if request.signal == signal else None)
        with training_to(context, receiver, "http/json", in_vain(context)) as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            logged = on_disk(faulty.journals)
            wrong = []
            if not wait_until(lambda: not left_out(logged, taken(receiver), others), PROMPT_S):
                wrong += [f"{left_out(logged, taken(receiver), others)} items of the others did not arrive"]
            wrong += unless(not faulty.flush(1.0), "flush said that all was delivered")
            faulty.train(100)
            closed = faulty.close()
        wait_for_senders(faulty.work_dir)
        logged, arrived = on_disk(faulty.journals), taken(receiver)
        wrong += unless(not arrived[signal], "something refused was taken")
        left = left_out(logged, arrived, others)
        wrong += unless(left == 0, f"{left} items of the others were left at the end")
        receiver.accept()
        wrong += sent_by_hand(faulty, receiver.http_endpoint, "http/json")
        sums, unbalanced = balance(closed, taken(receiver), on_disk(faulty.journals))
    wrong += unless(not closed.complete, "close said that all was delivered")
    wrong += unless(sums.repeated == 0, f"{sums.repeated} items were sent again")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += [*unbalanced, *in_time(context, closed.close_s), *unquarantined(faulty.work_dir)]
    return Outcome(sums, steps, closed.close_s, [*wrong, *undisturbed(steps)])


FAULTS: Sequence[Fault] = named(
    "endpoint",
    [
        Fault("http-413", partial(_too_large, protocol="http/json")),
        Fault("grpc-too-large", partial(_too_large, protocol="grpc")),
        Fault("http-400-one-line", partial(_one_bad, protocol="http/json")),
        Fault("grpc-INVALID_ARGUMENT-one-line", partial(_one_bad, protocol="grpc")),
        Fault("http-400-too-old", _too_old),
        Fault("logs-429-for-ever", partial(_one_signal, signal="logs", reply=Reply(429))),
        Fault("metrics-400-for-ever", partial(_one_signal, signal="metrics", reply=Reply(400))),
        Fault("traces-404-for-ever", partial(_one_signal, signal="traces", reply=Reply(404))),
    ],
)
