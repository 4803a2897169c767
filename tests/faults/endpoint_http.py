"""What an OTLP server can answer over HTTP."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, undisturbed, unless
from tests.faults.training import ENDPOINT, send, side_by_side, started, wait_for_senders

BUSY_S = 0.5  # what a busy machine adds to the time that closing may take


def retried(context: Context, status: int, **reply: Any) -> Outcome:
    """The server answers so to everything; the run is closed; then it accepts, and the rest is sent by hand."""
    with FakeReceiver() as receiver, FakeReceiver() as good:
        receiver.answer(status, times=None, **reply)
        variables = {
            ENDPOINT: receiver.http_endpoint,
            "OTEL_MMLOG_CLOSE_TIMEOUT": str(context.close_timeout_s),
        }
        with (
            started(context.folder / "faulty", variables) as faulty,
            started(context.folder / "healthy", {ENDPOINT: good.http_endpoint}) as healthy,
        ):
            steps = None if context.is_short else side_by_side(faulty, healthy, 1000)
            faulty.train(200)
            closed = faulty.close()
        wait_for_senders(context.folder / "faulty")
        receiver.accept()
        sent = send(context.folder / "faulty", receiver.http_endpoint)
        sums, wrong = balance(closed, taken(receiver), on_disk(faulty.journals))
    wrong += undisturbed(steps)
    wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    wrong += unless(not closed.complete, "close said that all was delivered")
    wrong += unless(
        closed.close_s <= context.close_timeout_s + BUSY_S, f"closing took {closed.close_s:.2f} s"
    )
    return Outcome(sums, steps, closed.close_s, wrong)


FAULTS: Sequence[Fault] = named(
    "endpoint",
    [
        Fault("http-500", partial(retried, status=500)),
        Fault("http-503", partial(retried, status=503)),
    ],
)
