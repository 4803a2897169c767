"""What the network, or a server that speaks no HTTP, can do to a run's sender."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.servers import free_port, wait_until
from tests.faults.endpoint import wires
from tests.faults.endpoint.refusals import beside_healthy, in_time, sent_by_hand, unquarantined, words_of
from tests.faults.endpoint.sink import lines_of, sink
from tests.faults.endpoint.wires import Wire
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, heard, on_disk, taken
from tests.faults.outcome import Outcome, undisturbed, unless
from tests.faults.training import ENDPOINT, Training, started, wait_for_senders

LOOPBACK = "http://127.0.0.1"

TELLS_S = 40.0
"""What waiting until the sender says what is wrong may take: a resolver of names has a patience of its own."""

PATIENT_S = "20"
"""How long `close` waits where everything is to be delivered."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An endpoint that takes nothing.

    Attributes:
        make: Makes it; what it gives is over when it ends, and its port free.
        says: What the sender's words must have in them.
        url: What is written in front of the port.
        happened: Whether the fault was really made, once it is over.
        variables: More of the run's environment.
        look: Says what else is wrong when the sender has said what is.
    """

    make: Callable[[], AbstractContextManager[Wire]]
    says: str
    url: str = LOOPBACK
    happened: Callable[[Wire], bool] = lambda _: True
    variables: Mapping[str, str] = field(default_factory=dict)
    look: Callable[[Training], list[str]] = lambda _: []


def ridden_out(context: Context, trouble: Trouble) -> Outcome:
    """The run trains and ends as ever, and its sender says what is wrong; the rest is sent by hand."""
    with ExitStack() as during:
        wire = during.enter_context(trouble.make())
        variables = {**_variables(context, wire.port, trouble.url), **trouble.variables}
        with started(context.folder / "faulty", variables) as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            wrong = says(faulty, trouble.says) + trouble.look(faulty)
            closed = faulty.close()
        wait_for_senders(faulty.work_dir)
        during.close()
        wrong += unless(trouble.happened(wire), f"the fault was not made: {wire.connections} connections")
    with FakeReceiver(http_port=wire.port) as receiver:
        wrong += sent_by_hand(faulty, receiver.http_endpoint, "http/json")
        sums, unbalanced = balance(closed, taken(receiver), on_disk(faulty.journals))
    wrong += [*unbalanced, *in_time(context, closed.close_s), *undisturbed(steps)]
    wrong += unquarantined(faulty.work_dir)
    wrong += unless(not closed.complete, "close said that all was delivered")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += unless(sums.repeated == 0, f"{sums.repeated} items were sent twice")
    return Outcome(sums, steps, closed.close_s, wrong)


def cut_short(context: Context, answer: bytes, *, is_acknowledged: bool) -> Outcome:
    """The server takes each request, and the connection ends within its answer: only what a status says counts."""
    with FakeReceiver() as receiver:
        receiver.answer(raw=answer, times=None)
        port = int(receiver.http_endpoint.rpartition(":")[2])
        variables = _variables(context, port)
        if is_acknowledged:
            variables["OTEL_MMLOG_CLOSE_TIMEOUT"] = PATIENT_S
        with started(context.folder / "faulty", variables) as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            wrong = says(faulty, "" if is_acknowledged else "what came back is not HTTP/1.1")
            closed = faulty.close()
        wait_for_senders(faulty.work_dir)
        receiver.accept()
        wrong += sent_by_hand(faulty, receiver.http_endpoint, "http/json")
        sums, unbalanced = balance(closed, heard(receiver), on_disk(faulty.journals))
    wrong += [*unbalanced, *undisturbed(steps)]
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += [] if is_acknowledged else in_time(context, closed.close_s)
    wrong += unless(closed.complete == is_acknowledged, f"close said {closed.complete}")
    wrong += unless((sums.repeated == 0) == is_acknowledged, f"{sums.repeated} items were sent twice")
    return Outcome(sums, steps, closed.close_s, wrong)


def restarted(context: Context) -> Outcome:
    """A receiver is killed while it is sent to, and comes back on its port: the run delivers all by itself."""
    files, port = [context.folder / f"life{each}" for each in range(2)], free_port()
    variables = {**_variables(context, port), "OTEL_MMLOG_CLOSE_TIMEOUT": PATIENT_S}
    with started(context.folder / "faulty", variables) as faulty:
        with sink(files[0], port) as server:
            faulty.train(200)
            wrong = unless(faulty.flush(20), "nothing was delivered before the fault")
            faulty.begin(300)
            server.kill()
            faulty.costs_us()
        wrong += says(faulty, "Connection refused")
        steps = beside_healthy(context, faulty)
        with sink(files[1], port):
            faulty.train(100)
            wrong += unless(faulty.flush(20), "flush did not say that all was delivered")
            closed = faulty.close()
            wait_for_senders(faulty.work_dir)
    sums, unbalanced = balance(closed, on_disk(_unpacked(files)), on_disk(faulty.journals))
    wrong += [*unbalanced, *undisturbed(steps)]
    wrong += unless(closed.complete, "close did not say that all was delivered")
    wrong += unless(any(on_disk(_unpacked(files[:1])).values()), "the first life took nothing")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    return Outcome(sums, steps, closed.close_s, wrong)


def _unpacked(files: Sequence[Path]) -> list[Path]:
    for file in files:
        file.with_suffix(".jsonl").write_bytes(b"".join(lines_of([file])))
    return [file.with_suffix(".jsonl") for file in files]


def _variables(context: Context, port: int, url: str = LOOPBACK) -> dict[str, str]:
    return {
        ENDPOINT: f"{url}:{port}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": str(context.pick(1, 3)),
        "OTEL_MMLOG_CLOSE_TIMEOUT": str(context.close_timeout_s),
        "NO_PROXY": "*",
    }


def says(training: Training, words: str) -> list[str]:
    """Wait until the sender says so; what is wrong if it does not."""
    said = wait_until(lambda: words in words_of(training.work_dir), TELLS_S)
    return unless(said, f"the sender did not say {words!r}: {words_of(training.work_dir)[-300:]}")


_SILENCE = "did not answer within"


def _was_asked(wire: Wire) -> bool:
    return wire.connections > 0


def _was_done(wire: Wire) -> bool:
    return wire.done > 0


FAULTS: Sequence[Fault] = named(
    "network",
    [
        Fault(name, partial(ridden_out, trouble=trouble))
        for name, trouble in {
            "refused": Trouble(wires.refusing, "Connection refused"),
            "syn-dropped": Trouble(wires.dropping, _SILENCE),
            "silent": Trouble(partial(wires.serving, wires.silent), _SILENCE, happened=_was_asked),
            "byte-a-second": Trouble(
                partial(wires.serving, wires.drip),
                _SILENCE,
                happened=_was_asked,
                variables={"OTEL_EXPORTER_OTLP_TIMEOUT": "3"},  # no single byte takes so long
            ),
            "reset-in-request": Trouble(
                partial(wires.serving, wires.reset_within_request), "Connection reset", happened=_was_done
            ),
            "no-such-name": Trouble(
                wires.refusing, "no answer from collector.invalid", "http://collector.invalid"
            ),
        }.items()
    ]
    + [
        Fault("cut-in-status", partial(cut_short, answer=b"HTTP/1.1 2", is_acknowledged=False)),
        Fault(
            "cut-in-answer",
            partial(
                cut_short,
                answer=b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
                is_acknowledged=True,
            ),
        ),
        Fault("receiver-restarted", restarted),
    ],
)
