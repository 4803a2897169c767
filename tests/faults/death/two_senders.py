"""Two senders on one folder, and senders that are stopped while others want their work."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from otel_mmlog.testing import FakeReceiver, Reply, Request
from tests.end_to_end.servers import wait_until
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, carried_again, on_disk, taken
from tests.faults.outcome import Outcome, unless
from tests.faults.training import ENDPOINT, Closed, Training, send, sender_pids, started, wait_for_senders

STEPS = 200
SLOW_S = 5.0  # until then the second sender has started
HELD = "is held by another sender: that one sends it"
CLOSE_S = 1.0
VARIABLES = {"OTEL_MMLOG_LINGER": "60", "OTEL_MMLOG_CLOSE_TIMEOUT": str(CLOSE_S)}


@dataclass(frozen=True, slots=True)
class Scene:
    """A training with a sender, and the server that it sends to."""

    training: Training
    receiver: FakeReceiver

    @property
    def cursor(self) -> Path:
        """The file that its sender holds locked."""
        return self.training.work_dir / "otlp" / "rank0000" / "cursor"

    def pid(self) -> int:
        """Of its one sender."""
        (pid,) = sender_pids(self.training.work_dir)
        return pid

    def send(self) -> "subprocess.CompletedProcess[str]":
        """``otel-mmlog send`` of its journals."""
        return send(self.training.work_dir, self.receiver.http_endpoint, "--patience", "10")

    def outcome(self, closed: Closed, batches: int) -> Outcome:
        """What became of all, if nothing is to be left and at most so many requests of a signal repeat anything."""
        work_dir = self.training.work_dir
        sums, wrong = balance(closed, taken(self.receiver), on_disk(self.training.journals))
        wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
        again = carried_again(self.receiver)
        wrong += unless(max(again.values()) <= batches, f"requests that repeat something: {dict(again)}")
        quarantine = [*work_dir.glob("otlp/*/*quarantine*")]
        wrong += unless(not quarantine, f"something was set aside: {quarantine}")
        return Outcome(sums, wrong=wrong)


@contextmanager
def scene(context: Context, variables: Mapping[str, str] = VARIABLES) -> Iterator[Scene]:
    """A training that has trained and delivered a little; at the end its senders are killed."""
    work_dir = context.folder / "run"
    with FakeReceiver() as receiver:
        try:
            with started(work_dir, {ENDPOINT: receiver.http_endpoint, **variables}) as training:
                training.train(STEPS)
                assert training.flush(20), "nothing was delivered"
                yield Scene(training, receiver)
        finally:
            for pid in sender_pids(work_dir):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def second_is_refused(context: Context) -> Outcome:
    """``otel-mmlog send`` beside a sender that lives: it says so, sends nothing, and costs nothing."""
    with scene(context) as it:
        it.receiver.answer(503, times=None)
        it.training.train(STEPS)
        wrong = said_held(it.send())
        it.receiver.accept()
        closed = it.training.close()
        wait_for_senders(it.training.work_dir)
        outcome = it.outcome(closed, 0)
    return Outcome(outcome.sums, close_s=closed.close_s, wrong=[*outcome.wrong, *wrong])


def both_send(context: Context, *, stop: bool) -> Outcome:
    """The lock is lost with the cursor's file, and a second sender takes everything while the first one has it too.

    Args:
        context: How.
        stop: Whether the first is stopped with a request under way, and goes on when the other is done.
    """
    with scene(context) as it:
        pid, stopped = it.pid(), [not stop]

        def strike(_: Request) -> Reply | None:
            if not stopped[0]:
                stopped[0] = True
                os.kill(pid, signal.SIGSTOP)
            return None if stop else Reply(200, delay_s=SLOW_S)

        it.receiver.answer_by(strike)
        it.training.train(STEPS)
        wrong = unless(wait_until(lambda: stopped[0], 10), "the first sender was not stopped")
        closed = it.training.close()
        it.receiver.accept()  # what is under way stays slow
        it.cursor.unlink()
        wrong += unless(sender_pids(it.training.work_dir) == [pid], "the first sender did not last")
        sent = it.send()
        wrong += unless(sent.returncode == 0, f"the second failed: {sent.stdout[-300:]} {sent.stderr[-300:]}")
        if stop:
            os.kill(pid, signal.SIGCONT)
        wait_for_senders(it.training.work_dir)
        outcome = it.outcome(closed, 4)
    repeated = outcome.sums.repeated if outcome.sums else 0
    wrong += unless(repeated > 0, "they were not at the same work")
    return Outcome(outcome.sums, close_s=closed.close_s, wrong=[*outcome.wrong, *wrong])


def stopped(context: Context, *, killed: bool) -> Outcome:
    """A stopped sender keeps its lock: nobody else sends, until it goes on or is killed; then everything goes out."""
    with scene(context) as it:
        pid = it.pid()
        os.kill(pid, signal.SIGSTOP)
        it.training.train(STEPS)
        wrong = said_held(it.send())
        closed = it.training.close()
        wrong += unless(not closed.complete, "close said that all was delivered")
        wrong += unless(closed.close_s <= CLOSE_S + context.busy_s, f"closing took {closed.close_s:.2f} s")
        wrong += said_held(it.send())
        if killed:
            os.kill(pid, signal.SIGKILL)
            wait_for_senders(it.training.work_dir)
            sent = it.send()
            wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stdout[-300:]}")
        else:
            os.kill(pid, signal.SIGCONT)
            wait_for_senders(it.training.work_dir)
        outcome = it.outcome(closed, 1 if killed else 0)
    return Outcome(outcome.sums, close_s=closed.close_s, wrong=[*outcome.wrong, *wrong])


def said_held(sent: "subprocess.CompletedProcess[str]") -> list[str]:
    """What is wrong with what ``otel-mmlog send`` says of a folder that another sender has."""
    wrong = unless(sent.returncode == 1, f"sending what another one has ended with {sent.returncode}")
    return wrong + unless(HELD in sent.stdout, f"it did not say who has the folder: {sent.stdout[-300:]}")


FAULTS: Sequence[Fault] = named(
    "death",
    [
        Fault("second-sender", second_is_refused),
        Fault("two-senders", partial(both_send, stop=False)),
        Fault("sender-stopped-adopted", partial(both_send, stop=True)),
        Fault("sender-stopped-continued", partial(stopped, killed=False)),
        Fault("sender-stopped-killed", partial(stopped, killed=True)),
    ],
)
