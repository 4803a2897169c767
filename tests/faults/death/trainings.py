"""SIGKILL of a training process at any moment: nothing is lost that it had printed, or returned for."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from otel_mmlog.otel.semconv import EVENT_SPAN_START as START
from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.otlp_files import read_otlp
from tests.end_to_end.servers import wait_until
from tests.end_to_end.steady_runs import printed_events
from tests.faults.death.containers import CONTAINER, why_no_container
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, Sums, conserved, unless
from tests.faults.training import ENDPOINT, send, wait_for_senders
from tests.processes import BEGIN, environment, python_command

Item = tuple[str, str | int]
"""Of a run: the text of a log record, or the iteration of a record of scalars."""

AT_ONCE = 2
LONGEST_S = 0.4
WIDE = {f"pad{number}": "x" * 3000 for number in range(10)}
"""Attributes that make a line span several pages, between which a kill can cut its write short."""

TRAIN = (
    BEGIN
    + f"""
name, wide = sys.argv[2], {{f"pad{{number}}": "x" * 3000 for number in range({len(WIDE)})}}
for step in run.train(iter(range(10**9))):
    run.log(loss=float(step))
    run.logger.info(f"line {{name}}.{{step}}", **(wide if step % 4 == 0 else {{}}))
    print(f"returned {{step}}", flush=True)
    time.sleep(0.001)
"""
)


@dataclass(frozen=True, slots=True)
class Killed:
    """A training process that was killed.

    Attributes:
        work_dir: Where it wrote; its name is the run's id.
        printed: The texts of the whole lines that it had printed by its logger.
        returned: The steps for which its calls had returned.
    """

    work_dir: Path
    printed: Sequence[str]
    returned: Sequence[int]

    @property
    def acknowledged(self) -> set[Item]:
        """The log records and points that must not be missing.

        An iteration's record is made when the next one begins.
        """
        run_id = self.work_dir.name
        bodies = {*self.printed, *(f"line {run_id}.{step}" for step in self.returned)}
        return {(run_id, body) for body in bodies} | {(run_id, step) for step in self.returned if step > 0}


def killed_often(context: Context, *, container: bool = False) -> Outcome:
    """Kill trainings at random moments: half of them have a sender, the others' journals are sent by hand."""
    if container and (why := why_no_container()):
        return Outcome(note=why)
    kills = context.pick(4, 40 if container else 200)
    with FakeReceiver() as receiver:

        def one(number: int) -> Killed:
            endpoint = {} if number % 2 else {ENDPOINT: receiver.http_endpoint}
            return kill(
                context.folder / f"run{number}", Random(number), endpoint, CONTAINER if container else ()
            )

        with ThreadPoolExecutor(AT_ONCE) as pool:
            killed = list(pool.map(one, range(kills)))
        wrong = [what for each in killed for what in wrong_files(each)]
        if not container:  # in a container the sender dies too
            left = [segment for each in killed[::2] for segment in each.work_dir.glob("otlp/rank*/*.jsonl*")]
            wrong += unless(not left, f"senders left {len(left)} segments of {kills} runs")
        sent = send(context.folder, receiver.http_endpoint)
        wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stdout[-300:]}")
        wrong += unless(all(each.accepted for each in receiver.requests), "a torn line was sent")
        arrived = items(receiver.logs(), receiver.points())
        wrong += wrong_widths(receiver.logs())
    left_over = read_otlp(*context.folder.glob("*/otlp/rank*/*.jsonl*"))
    in_journals = items(left_over.logs, left_over.points)
    acknowledged = set().union(*(each.acknowledged for each in killed))
    sums = Sums(
        len(acknowledged),
        delivered=len(acknowledged & arrived.keys()),
        in_journal=len(acknowledged & in_journals.keys() - arrived.keys()),
        repeated=arrived.total() - len(arrived),
    )
    wrong += unless(len(acknowledged) > 10 * kills, "they were killed before they trained")
    return Outcome(sums, wrong=[*wrong, *conserved(sums)], note=f"{kills} kills")


def kill(work_dir: Path, random: Random, variables: dict[str, str], prefix: Sequence[str]) -> Killed:
    """Start a training, kill it at some moment, and wait until its sender has ended too."""
    work_dir.mkdir()
    output = work_dir / "stdout"
    command = [*prefix, *python_command(TRAIN, work_dir, work_dir.name)]
    with output.open("wb") as stdout, (work_dir / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment({"OTEL_MMLOG_RUN_ID": work_dir.name, **variables}),
        )
    if random.random() < 0.9:  # the others are killed while they start
        wait_until(lambda: output.stat().st_size > 0 or process.poll() is not None, 20, poll_s=0.005)
    time.sleep(random.uniform(0, LONGEST_S))
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    wait_for_senders(work_dir, 40)
    lines = output.read_text().split("\n")[:-1]
    printed = [_without_attributes(text) for text in printed_events(lines)]
    return Killed(work_dir, printed, [int(line.split()[1]) for line in lines if line.startswith("returned ")])


def wrong_files(killed: Killed) -> list[str]:
    """What is wrong with the text and the JSON file of a killed training: each printed line must be there, whole."""
    wrong = []
    for name, read in (("tmp.log", _text_of), ("tmp.jsonl", _event_of)):
        path = killed.work_dir / name
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        missing = Counter(killed.printed) - Counter(map(read, lines))
        wrong += unless(not missing, f"{name} lacks {missing.total()} printed lines: {[*missing][:1]}")
    return wrong


def wrong_widths(logs: Sequence[Any]) -> list[str]:
    """What is wrong with the attributes of log records that arrived."""
    wide = [log for log in logs if WIDE.keys() & log.attributes.keys()]
    torn = [log.body for log in wide if {name: log.attributes.get(name) for name in WIDE} != WIDE]
    return unless(bool(wide), "no wide line arrived") + unless(not torn, f"{torn[:3]} arrived in part")


def items(logs: Sequence[Any], points: Sequence[Any]) -> Counter[Item]:
    """Log records by run and text, and records' points by run and iteration: how often each is there."""
    bodies = Counter((log.resource["mmlog.run.id"], log.body) for log in logs if log.event_name != START)
    iterations = [each for each in points if each.name == "mmlog.train.iter" and not each.flags]
    return bodies + Counter((each.attributes["mmlog.run.id"], int(each.value)) for each in iterations)


def _text_of(line: str) -> str:
    return _without_attributes(line[20:].split(" - ", 3)[-1])


def _without_attributes(text: str) -> str:
    return text.split("  pad0=", maxsplit=1)[0]


def _event_of(line: str) -> str:
    try:
        return str(json.loads(line)["event"])
    except ValueError:
        return ""


FAULTS: Sequence[Fault] = named(
    "death",
    [
        Fault("training-killed", killed_often),
        Fault("container-killed", partial(killed_often, container=True)),
    ],
)
