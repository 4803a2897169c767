"""SIGKILL of a sender, between any two of the things that it does: nothing is lost, and little comes twice."""

import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from subprocess import PIPE

from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.sender.process import SenderProcess
from otel_mmlog.testing import FakeReceiver, Reply, Request
from tests.faults.death.dying_sender import PLAN, POINTS
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, carried_again, on_disk, taken
from tests.faults.outcome import Outcome, Sums, conserved, unless
from tests.faults.training import ENDPOINT, Closed, send, sender_pids
from tests.journals import records
from tests.otel.telemetry import make_encoder, make_event, make_record
from tests.processes import environment, python_command
from tests.sender.rigs import endpoint_environment

LONG_LIFE_S = 700.0  # a death after that is not counted with those before
DUE_S = 2.0  # later than that a sender that died once is replaced
DEATH_S = 30.0
ONCE = "cursor-replaced"  # a sender gets there once in its life
RESOURCE = {"service.name": "tmp", "rank": 0, "service.instance.id": "one"}


class Mortal:
    """A journal with small segments, and senders that die.

    Attributes:
        journal: The journal.
        sender: Starts the senders, one after the other.
        plan: The file that says when the next sender kills itself.
        faults: What the senders' parent was told.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.plan = folder / "plan"
        self.faults: list[str] = []
        self.journal = Journal(folder / "otlp" / "rank0000", settings=JournalSettings(segment_bytes=8_000))
        self.sender = SenderProcess(
            self.journal.folder,
            endpoint_environment(endpoint) | {PLAN: str(self.plan)},
            entry="tests.faults.death.dying_sender",
            gather_s=0.02,
            on_fault=self.faults.append,
            clock=self._now_s,
        )
        self._encoder = make_encoder(clock_ns=time.time_ns, resource=RESOURCE)
        self._skipped_s = 0.0
        self._logged = 0

    def live(self) -> int:
        """Start a sender, or one in the place of one that died; returns its pid."""
        self._skipped_s += DUE_S
        self.sender.start()
        self.sender.poke()
        pid = self.sender.pid
        assert pid is not None, "no sender was started"
        return pid

    def log_until(self, is_over: Callable[[], bool]) -> bool:
        """Log a line and a point each 2 ms until something happens; False if it does not in time."""
        deadline_s = time.monotonic() + DEATH_S
        while not is_over():
            if time.monotonic() > deadline_s:
                return False
            now_ns = time.time_ns()
            event = make_event(body=f"line {self._logged}", seq=self._logged, time_ns=now_ns)
            record = replace(make_record({"loss": float(self._logged)}), time_ns=now_ns)
            self.journal.append(self._encoder.log_line(event), *self._encoder.metrics_lines(record))
            self.sender.poke()
            self._logged += 1
            time.sleep(0.002)
        return True

    def is_dead(self) -> bool:
        """Whether the present sender has died."""
        self._skipped_s += LONG_LIFE_S  # so that it has lived long when its death is noticed
        self.sender.status()
        return self.sender.pid is None

    def finish(self) -> Closed:
        """Let a last sender deliver everything."""
        if self.sender.pid is None:
            self.live()
        complete = self.sender.flush(DEATH_S)
        self.journal.close()
        complete = self.sender.close(DEATH_S) and complete
        stats = self.journal.stats()
        refused = {(str(signal), str(reason)): count for (signal, reason), count in stats.refused.items()}
        return Closed(
            complete, 0.0, {str(each): count for each, count in stats.produced.items()}, refused, {}, {}
        )

    def _now_s(self) -> float:
        return time.monotonic() + self._skipped_s


@contextmanager
def mortal(folder: Path, endpoint: str) -> Iterator[Mortal]:
    """A journal and its senders; at the end none runs any more."""
    made = Mortal(folder, endpoint)
    try:
        yield made
    finally:
        pid = made.sender.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        made.sender.close(0)
        made.journal.close()


def killed_at(context: Context, point: str) -> Outcome:
    """Each sender kills itself when it gets to a point for the first, second or third time."""
    random, kills = Random(point), context.pick(2, 15)
    with FakeReceiver() as receiver, mortal(context.folder, receiver.http_endpoint) as trial:
        died = 0
        for _ in range(kills):
            trial.plan.write_text(f"{point} {1 if point == ONCE else random.randint(1, 3)}")
            trial.live()
            died += trial.log_until(trial.is_dead)
        return outcome(trial, receiver, kills, died)


def killed_unanswered(context: Context) -> Outcome:
    """The server kills the sender when it has a whole request of it, before it answers."""
    random, kills = Random(1), context.pick(2, 15)
    countdown = [math.inf]
    with FakeReceiver() as receiver, mortal(context.folder, receiver.http_endpoint) as trial:

        def strike(_: Request) -> Reply | None:
            # A request of a dead sender may be counted late, so that the next one's first is beyond zero.
            countdown[0] -= 1
            pid = trial.sender.pid
            if countdown[0] <= 0 and pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return None

        receiver.answer_by(strike)
        died = 0
        for _ in range(kills):
            countdown[0] = random.randint(1, 4)
            trial.live()
            died += trial.log_until(trial.is_dead)
        countdown[0] = math.inf
        return outcome(trial, receiver, kills, died)


def killed_anywhere(context: Context) -> Outcome:
    """Senders are killed at random moments."""
    random, kills = Random(2), context.pick(3, 30)
    with FakeReceiver() as receiver, mortal(context.folder, receiver.http_endpoint) as trial:
        died = 0
        for _ in range(kills):
            pid = trial.live()
            end_s = time.monotonic() + random.uniform(0.1, 0.8)
            trial.log_until(lambda end_s=end_s: time.monotonic() > end_s)  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
            died += trial.log_until(trial.is_dead)
        return outcome(trial, receiver, kills, died)


def outcome(trial: Mortal, receiver: FakeReceiver, kills: int, died: int) -> Outcome:
    """Let everything be delivered, and look at what came."""
    closed = trial.finish()
    sums, wrong = balance(closed, taken(receiver), on_disk(trial.journal.folder.glob("*.jsonl*")))
    wrong += unless(died == kills, f"{died} of {kills} senders died")
    wrong += unless(closed.complete, "the last sender did not say that all was delivered")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    for signal_name, count in carried_again(receiver).items():
        wrong += unless(
            count <= kills, f"{count} requests of {signal_name} repeat something after {kills} kills"
        )
    wrong += unless(not trial.faults, f"the training was told {trial.faults[:1]}")
    return Outcome(sums, wrong=wrong, note=f"{kills} kills")


HASTY = """
import time
real, begun_s = time.monotonic, time.monotonic()
time.monotonic = lambda: begun_s + 200 * (real() - begun_s)  # of all that is to be waited for
import sys
import otel_mmlog
run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1)
for step in run.train(iter(sys.stdin.readline, "end\\n")):
    run.log(loss=1.0)
run.close()
"""


def five_deaths(context: Context) -> Outcome:
    """A sender that dies five times is not replaced any more: the training is told once, the journal has the rest."""
    work_dir, said = context.folder / "run", "The sender has ended 5 times"
    with FakeReceiver() as receiver:
        environ = environment({ENDPOINT: receiver.http_endpoint})
        command = python_command(HASTY, work_dir)
        with subprocess.Popen(
            command, env=environ, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
        ) as process:
            assert process.stdin is not None
            killed: set[int] = set()
            deadline_s = time.monotonic() + DEATH_S
            while not _is_told(work_dir, said) and time.monotonic() < deadline_s:
                for pid in set(sender_pids(work_dir)) - killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
                process.stdin.write("step\n")
                process.stdin.flush()
                time.sleep(0.01)
            out, error = process.communicate("step\n" * 100 + "end\n", timeout=DEATH_S)
        wrong = unless(len(killed) == 5, f"{len(killed)} senders were started")
        wrong += unless(out.count(said) == 1, f"the training was told {out.count(said)} times")
        wrong += unless(f"otel-mmlog send {work_dir}" in out, "it was not told how to send the journal")
        wrong += unless(
            process.returncode == 0 and not error, f"it ended with {process.returncode}: {error[-300:]}"
        )
        sent = send(work_dir, receiver.http_endpoint)
        wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stdout[-300:]}")
        steps = {each["iter"] for each in records(work_dir)}
        arrived = {point.value for point in receiver.points("mmlog.train.iter") if not point.flags}
    sums = Sums(len(steps), delivered=len(steps & arrived))
    return Outcome(sums, wrong=[*wrong, *conserved(sums)])


def _is_told(work_dir: Path, said: str) -> bool:
    log = work_dir / "tmp.log"
    return log.exists() and said in log.read_text()


FAULTS: Sequence[Fault] = named(
    "death",
    [
        Fault("sender-unanswered", killed_unanswered),
        *(Fault(f"sender-{point}", partial(killed_at, point=point)) for point in POINTS),
        Fault("sender-anywhere", killed_anywhere),
        Fault("sender-five-times", five_deaths),
    ],
)
