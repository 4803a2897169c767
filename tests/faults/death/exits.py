"""How a training process ends by itself: the last record is there, and all else is as it would be without us."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.otlp_files import read_otlp
from tests.faults.death.containers import CONTAINER, why_no_container
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, Sums, conserved, unless
from tests.faults.training import ENDPOINT, wait_for_senders
from tests.journals import records
from tests.processes import REPOSITORY, environment, python_command

SCRIPT = """
import atexit, os, signal, sys, threading, time
def said(*_):
    print("handled", flush=True)
def state():
    print(*[signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)], flush=True)
    print(sys.excepthook is mine or sys.excepthook is sys.__excepthook__, flush=True)
mine = None
atexit.register(state)
{before}
if len(sys.argv) > 1:
    import otel_mmlog
    run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=10, console=False)
    train, log = run.train, run.log
else:
    train, log = iter, lambda **_: None
{after}
def end():
    {end}
for step in train(range(25)):
    log(loss=1.0)
    if step == 16:
        end()
"""
ORDERLY, SUDDEN = (10, 17), (10,)
"""The iterations that have records: where Python comes to its end the interval that had begun has one too."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to end, in Python.

    Attributes:
        end: What the script does at its 17th iteration.
        iterations: Which then have records.
        before: What it does before the run begins.
        after: What it does then.
        prefix: What its command line begins with.
    """

    end: str
    iterations: Sequence[int] = ORDERLY
    before: str = ""
    after: str = ""
    prefix: Sequence[str] = ()

    def end_with(
        self, *arguments: object, variables: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Run the script to its end, with our part of it if there is a work_dir."""
        source = SCRIPT.format(end=self.end, before=self.before, after=self.after)
        return subprocess.run(
            [*self.prefix, *python_command(source, *arguments)],
            env=environment(variables),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def kill(name: str) -> str:
    """Send the process itself a signal, which it gets at once."""
    return f"os.kill(os.getpid(), signal.{name}); time.sleep(0.5)"


def handle(name: str, handler: str = "said") -> str:
    """Have a signal handled."""
    return f"signal.signal(signal.{name}, {handler})"


WHOLE = (10, 20, 25)
HOOK = "mine = lambda kind, error, trace: print('hooked', kind.__name__, flush=True); sys.excepthook = mine"
WAYS: Mapping[str, Sequence[Way]] = {
    "sigterm": [Way(kill("SIGTERM"))],
    "sigint": [Way(kill("SIGINT")), Way("raise KeyboardInterrupt")],
    "other-signals": [Way(kill(name), SUDDEN) for name in ("SIGHUP", "SIGUSR1", "SIGQUIT", "SIGABRT")],
    "sys-exit": [Way(f"sys.exit({code})") for code in ("", "0", "3", "'words'")],
    "uncaught": [Way("raise KeyError('boom')"), Way("1 / 0"), Way("raise KeyError('boom')", before=HOOK)],
    "os-exit": [Way("os._exit(7)", SUDDEN), Way("os.abort()", SUDDEN)],
    "own-handlers": [
        Way(kill("SIGTERM"), WHOLE, before=handle("SIGTERM")),
        Way(kill("SIGINT"), WHOLE, after=handle("SIGINT")),
        Way(kill("SIGTERM"), WHOLE, after=handle("SIGTERM")),
        Way(kill("SIGINT"), WHOLE, before=handle("SIGINT")),
        Way(kill("SIGHUP"), WHOLE, before=handle("SIGHUP")),
        Way(kill("SIGTERM"), before=handle("SIGTERM", "lambda *_: sys.exit(5)")),
        Way(kill("SIGTERM"), WHOLE, before=handle("SIGTERM", "signal.SIG_IGN")),
        Way("signal.signal(signal.SIGTERM, signal.SIG_DFL); " + kill("SIGTERM"), SUDDEN),
    ],
}


def ended(context: Context, ways: Sequence[Way]) -> Outcome:
    """End a script with us and without us, in each of some ways, or in the first of them."""
    ways = ways[: context.pick(2, len(ways))]
    with FakeReceiver() as receiver, ThreadPoolExecutor(2) as pool:
        variables = {ENDPOINT: receiver.http_endpoint, "OTEL_MMLOG_LINGER": "30"}

        def one(number: int) -> list[str]:
            return wrong_end(ways[number], context.folder / f"way{number}", variables)

        wrong = [what for found in pool.map(one, range(len(ways))) for what in found]
        arrived = {
            (point.attributes["mmlog.run.id"], int(point.value or 0))
            for point in receiver.points("mmlog.train.iter")
            if not point.flags
        }
    journals = read_otlp(*context.folder.glob("*/otlp/rank*/*.jsonl*"))
    left = {
        (point.attributes["mmlog.run.id"], int(point.value or 0))
        for point in journals.points
        if point.name == "mmlog.train.iter" and not point.flags
    }
    expected = {(f"way{number}", each) for number, way in enumerate(ways) for each in way.iterations}
    sums = Sums(len(expected), len(expected & arrived), len(expected & left - arrived))
    wrong += unless(not sums.in_journal, f"senders left {sums.in_journal} records in the journals")
    return Outcome(sums, wrong=[*wrong, *conserved(sums)])


def wrong_end(way: Way, work_dir: Path, variables: Mapping[str, str]) -> list[str]:
    """What is wrong with one way to end, but for what arrived."""
    alone = way.end_with(variables={})
    ours = way.end_with(work_dir, variables={**variables, "OTEL_MMLOG_RUN_ID": work_dir.name})
    wait_for_senders(work_dir, 40)
    name = f"{way.before}; {way.after}; {way.end}".strip("; ")
    wrong = unless(ours.returncode == alone.returncode, f"{name}: the exit code is {ours.returncode}")
    for stream in ("stdout", "stderr"):
        said, usual = _without_addresses(getattr(ours, stream)), _without_addresses(getattr(alone, stream))
        wrong += unless(said == usual, f"{name}: {stream} is {said[-300:]!r}, without us {usual[-300:]!r}")
    made = [record["iter"] for record in records(work_dir)]
    return wrong + unless(made == [*way.iterations], f"{name}: there are records of the iterations {made}")


def ended_in_a_container(context: Context) -> Outcome:
    """As the first process of a container, which SIGTERM does not end."""
    if why := why_no_container():
        return Outcome(note=why)
    ways = [
        Way(kill("SIGTERM"), WHOLE, prefix=CONTAINER),
        Way("sys.exit(3)", prefix=CONTAINER),
        Way(kill("SIGTERM"), before=handle("SIGTERM", "lambda *_: sys.exit(5)"), prefix=CONTAINER),
    ]
    return ended(context, ways)


def _without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


FAULTS: Sequence[Fault] = named(
    "exit",
    [
        *(Fault(name, partial(ended, ways=ways)) for name, ways in WAYS.items()),
        Fault("container", ended_in_a_container),
    ],
)
