"""A run before a server that refuses everything, then takes it, then refuses it again, then takes it."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.script import Reply, Request, Rule
from tests.end_to_end.servers import wait_until
from tests.faults.fault import Context
from tests.faults.ledger import SIGNALS, Items, balance, on_disk, taken
from tests.faults.outcome import Outcome, Steps, undisturbed, unless
from tests.faults.training import ENDPOINT, Training, send, side_by_side, started, wait_for_senders

PROMPT_S = 30.0
"""What waiting for something that should be soon may take."""

RETRIES = 8
"""Requests of a signal at most while a server is retried for a few seconds; the odds for more are one to a billion."""

_MEASUREMENTS = 3

ALONE_S = 40.0
"""What the waits between a few retries come to at most."""

PROBE_S = 62.0
"""When a paused signal is tried again."""

BATCH_REQUESTS = 20
"""What looking for a bad line in a batch may cost."""

HEADERS_ADVICE = "Check OTEL_EXPORTER_OTLP_HEADERS"

Protocol = Literal["http/json", "http/protobuf", "grpc"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a server refuses.

    Attributes:
        answer: Its answer, or what says which.
        says: What the sender's words must have in them, so that somebody can tell what is wrong.
        protocol: How it is asked.
        pauses: Whether it is asked no more until somebody changes something, and the run's log says so once.
        most: Requests of a signal at most before it takes anything.
        alone_s: Seconds after which everything arrives without a flush, shown in the full form; 0 to leave it out.
        asked_s: Seconds that it asks to wait for; no flush is earlier.
        variables: More of the run's environment.
    """

    answer: Reply | Rule
    says: str
    protocol: Protocol = "http/json"
    pauses: bool = False
    most: int = RETRIES
    alone_s: float = 0.0
    asked_s: float = 0.0
    variables: Mapping[str, str] = field(default_factory=dict)


class Refusing:
    """A server that refuses while it is told to, and remembers when it did.

    Attributes:
        refuses: Whether it does; else it takes everything.
    """

    def __init__(self, refusal: Refusal) -> None:
        self.refuses = True
        self._refusal = refusal
        self._moments: list[tuple[float, str, bool]] = []

    def __call__(self, request: Request) -> Reply | None:
        """The answer to a request."""
        self._moments.append((time.monotonic(), request.signal, self.refuses))
        answer = self._refusal.answer
        if not self.refuses:
            return None
        return answer if isinstance(answer, Reply) else answer(request)

    @property
    def shortest_wait_s(self) -> float:
        """From a refusal to the signal's next request; infinity before there was one."""
        waits = [math.inf]
        for signal in SIGNALS:
            own = [(moment, refused) for moment, whose, refused in self._moments if whose == signal]
            waits += [after - before for (before, refused), (after, _) in pairwise(own) if refused]
        return min(waits)


def endpoint_of(receiver: FakeReceiver, protocol: Protocol) -> str:
    """Where a receiver is asked by a protocol."""
    return receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint


@contextmanager
def training_to(
    context: Context, receiver: FakeReceiver, protocol: Protocol, variables: Mapping[str, str] | None = None
) -> Iterator[Training]:
    """A training in ``faulty`` that sends to a receiver."""
    own = {
        ENDPOINT: endpoint_of(receiver, protocol),
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_MMLOG_CLOSE_TIMEOUT": str(context.settle_timeout_s),
    }
    with started(context.folder / "faulty", {**own, **(variables or {})}) as training:
        yield training


def beside_healthy(context: Context, faulty: Training, steps: int = 1500) -> Steps | None:
    """What steps cost a training, beside one whose server takes everything; None in the short form.

    What else runs on the machine can only add to the difference: it is measured again where it is too much.
    """
    if context.is_short:
        return None
    with (
        FakeReceiver() as good,
        started(context.folder / "healthy", {ENDPOINT: good.http_endpoint}) as healthy,
    ):
        healthy.train(100)
        found = side_by_side(faulty, healthy, steps)
        for _ in range(_MEASUREMENTS - 1):
            if not undisturbed(found):
                break
            found = side_by_side(faulty, healthy, 2 * steps)
        return found


def refused(context: Context, refusal: Refusal) -> Outcome:
    """Nothing is lost: the run's own sender delivers what it can, as soon as it can, and by hand the rest goes."""
    with FakeReceiver() as receiver:
        server = Refusing(refusal)
        receiver.answer_by(server)
        variables = {**in_vain(context), **refusal.variables}
        with training_to(context, receiver, refusal.protocol, variables) as faulty:
            faulty.train(200)
            wrong = _kept_away(refusal, receiver, faulty)
            steps = beside_healthy(context, faulty)
            wrong += _kept(refusal, receiver, faulty)
            server.refuses = False
            wrong += _recovers(context, refusal, receiver, faulty)
            wrong += unless(
                server.shortest_wait_s >= refusal.asked_s, "it came back earlier than it was told"
            )
            server.refuses = True
            faulty.train(100)
            closed = faulty.close()
        wrong += unless(not closed.complete, "close said that all was delivered")
        wrong += in_time(context, closed.close_s)
        wrong += _said(refusal, faulty.work_dir)
        wait_for_senders(faulty.work_dir)
        server.refuses = False
        wrong += sent_by_hand(faulty, endpoint_of(receiver, refusal.protocol), refusal.protocol)
        sums, unbalanced = balance(closed, taken(receiver), on_disk(faulty.journals))
    wrong += [*unbalanced, *unquarantined(faulty.work_dir), *undisturbed(steps)]
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    return Outcome(sums, steps, closed.close_s, wrong)


def in_vain(context: Context) -> dict[str, str]:
    """For the environment of a run that cannot deliver when it is closed."""
    return {"OTEL_MMLOG_CLOSE_TIMEOUT": str(context.close_timeout_s)}


def in_time(context: Context, close_s: float) -> list[str]:
    """What is wrong with how long closing took that was `in_vain`."""
    return unless(close_s <= context.close_timeout_s + context.busy_s, f"closing took {close_s:.2f} s")


def in_usual_time(context: Context, close_s: float) -> list[str]:
    """What is wrong with how long any other closing took."""
    return unless(close_s <= context.settle_timeout_s + context.busy_s, f"closing took {close_s:.2f} s")


def sent_by_hand(training: Training, endpoint: str, protocol: Protocol) -> list[str]:
    """What is wrong when somebody sends the rest."""
    sent = send(training.work_dir, endpoint, "--protocol", protocol)
    return unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")


def unquarantined(work_dir: Path) -> list[str]:
    """What is wrong where nothing is to be set aside."""
    return [f"{path.name} was written" for path in sorted(work_dir.rglob("quarantine.*"))]


def left_out(expected: Items, found: Items, signals: Iterable[str] = SIGNALS) -> int:
    """How many distinct items of the one are not in the other."""
    return sum(len(set(expected[signal]) - set(found[signal])) for signal in signals)


def words_of(work_dir: Path) -> str:
    """What the run's sender said."""
    return "".join(path.read_text() for path in work_dir.glob("otlp/rank*/sender.log"))


def _kept_away(refusal: Refusal, receiver: FakeReceiver, faulty: Training) -> list[str]:
    """What is wrong once the server was asked for each signal: a flush must not say that it took anything."""
    wait_until(lambda: {request.signal for request in receiver.requests} == set(SIGNALS), PROMPT_S)
    asked: Counter[str] = Counter(request.signal for request in receiver.requests)
    wrong = [f"{signal} were never sent" for signal in SIGNALS if not asked[signal]]
    if refusal.pauses:
        # A server that changes its mind while a bad line is looked for looks as if it had found one.
        wait_until(lambda: words_of(faulty.work_dir).count("sending is paused") >= len(SIGNALS), PROMPT_S)
    if refusal.asked_s:
        wrong += unless(not faulty.flush(0.5), "flush said that all was delivered")
    return wrong


def _kept(refusal: Refusal, receiver: FakeReceiver, faulty: Training) -> list[str]:
    """What is wrong with what was sent so far, and with what is kept."""
    asked: Counter[str] = Counter(request.signal for request in receiver.requests)
    wrong = [f"{signal}: {count} requests" for signal, count in asked.items() if count > refusal.most]
    wrong += unless(not any(taken(receiver).values()), "something was taken")
    return wrong + unquarantined(faulty.work_dir)


def _recovers(context: Context, refusal: Refusal, receiver: FakeReceiver, faulty: Training) -> list[str]:
    """What is wrong once the server takes everything: the run's own sender delivers."""
    logged, since_s = on_disk(faulty.journals), time.monotonic()
    wrong = []
    if refusal.alone_s and not context.is_short:
        alone = wait_until(lambda: not left_out(logged, taken(receiver)), refusal.alone_s + context.busy_s)
        wrong += unless(alone, f"{refusal.alone_s:g} s later something was still not sent")
    wrong += unless(faulty.flush(refusal.asked_s + PROMPT_S), "flush did not say that all was delivered")
    left, took_s = left_out(logged, taken(receiver)), time.monotonic() - since_s
    wrong += unless(left == 0, f"flush said that all was delivered, and {left} items were not")
    return wrong + unless(
        bool(refusal.alone_s) or took_s <= refusal.asked_s + 2 + 3 * context.busy_s,
        f"flush took {took_s:.1f} s",
    )


def _said(refusal: Refusal, work_dir: Path) -> list[str]:
    """What is wrong with the sender's words, and with what the run's log says of them."""
    words, log = words_of(work_dir), (work_dir / "tmp.log").read_text()
    wrong = unless(refusal.says in words, f"the sender did not say {refusal.says!r}: {words[-300:]}")
    wrong += unless("otel-mmlog send" in log, "the log does not say how to send the rest")
    told = [log.count(f"The server does not take {signal}:") for signal in SIGNALS]
    expected = [int(refusal.pauses)] * len(SIGNALS)
    return wrong + unless(told == expected, f"the log tells {told} times that something is not taken")
