"""Nothing listens, and nothing but a sender has a socket."""

from collections.abc import Sequence
from functools import partial

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.servers import wait_until
from tests.faults.endpoint.refusals import endpoint_of
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.security.sockets import calls, can_trace, child_pids, open_sockets, traced
from tests.faults.training import ENDPOINT, Training, sender_pids, started, wait_for_senders

SENDS_S = 20.0


def alone(context: Context) -> Outcome:
    """Without an endpoint there is no other process, and no socket is ever made."""
    look = _Look(context)
    with started(context.folder / "faulty", prefix=look.prefix) as training:
        look.at(training)
        for _ in range(5):
            training.train(100)
            look.at(training)
        training.flush(1)
        look.at(training)
        closed = training.close()
    wrong = look.wrong + unless(look.senders == set(), "there was a sender")
    made = look.made()
    wrong += [f"the training called {name}({given})" for _, name, given in made]
    return Outcome(None, None, closed.close_s, wrong, look.note)


def sending(context: Context, protocol: Protocol) -> Outcome:
    """With an endpoint only the sender has sockets, and those lead to the endpoint; nobody listens."""
    look = _Look(context)
    with FakeReceiver() as receiver:
        variables = {ENDPOINT: endpoint_of(receiver, protocol), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        with started(context.folder / "faulty", variables, prefix=look.prefix) as training:
            look.at(training)
            wait_until(lambda: bool(sender_pids(training.work_dir)), SENDS_S)
            for _ in range(5):
                training.train(100)
                look.at(training)
            wrong = unless(training.flush(SENDS_S), "flush did not say that all was delivered")
            look.at(training)
            closed = training.close()
        wait_for_senders(training.work_dir)
    wrong += look.wrong + unless(look.senders != set(), "no sender was seen")
    wrong += unless(look.peers > 0, "no connection of the sender was seen")
    port = f"htons({variables[ENDPOINT].rpartition(':')[2]})"
    for is_sender, name, given in look.made():
        leads_elsewhere = name == "connect" and port not in given
        if not is_sender or leads_elsewhere or name in {"listen", "accept", "accept4"}:
            wrong.append(f"the {'sender' if is_sender else 'training'} called {name}({given})")
    return Outcome(None, None, closed.close_s, wrong, look.note)


class _Look:
    """Looks at a training and its sender from outside.

    Attributes:
        prefix: What the training's command line has to begin with.
        wrong: What was seen and should not have been.
        senders: Pids that were seen.
        peers: How many connections of senders were seen.
    """

    def __init__(self, context: Context) -> None:
        self._files = context.folder / "calls"
        self._is_traced = not context.is_short and can_trace(context.folder)
        self._moments = 0
        self.prefix: Sequence[str] = traced(self._files) if self._is_traced else ()
        self.wrong: list[str] = []
        self.senders: set[int] = set()
        self.peers = 0

    @property
    def note(self) -> str:
        """How closely it was looked at."""
        how = "every call traced" if self._is_traced else "strace not used: what is open at a moment"
        return f"looked at {self._moments} moments; {how}"

    def at(self, training: Training) -> None:
        """Look at what is open now."""
        self._moments += 1
        pid = child_pids(training.process.pid)[0] if self._is_traced else training.process.pid
        self.wrong += [f"the training has {each}" for each in open_sockets(pid)]
        for sender in sender_pids(training.work_dir):
            self.senders.add(sender)
            found = open_sockets(sender)
            self.wrong += [f"the sender listens: {each}" for each in found if each.listens]
            self.peers += sum(each.kind in {"tcp", "tcp6"} for each in found)
        # What is being started is no sender yet.
        wait_until(lambda: not self._strangers(training, pid), 1)
        self.wrong += [f"the training started process {each}" for each in self._strangers(training, pid)]

    def made(self) -> list[tuple[bool, str, str]]:
        """Each call about sockets: whether a sender made it, its name, and what it was given."""
        return calls(self._files) if self._is_traced else []

    def _strangers(self, training: Training, pid: int) -> set[int]:
        return {*child_pids(pid)} - {*sender_pids(training.work_dir)}


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("no-sockets-without-endpoint", alone),
        Fault("no-listener-http", partial(sending, protocol="http/json")),
        Fault("no-listener-grpc", partial(sending, protocol="grpc")),
    ],
)
