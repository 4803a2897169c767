"""What forks and starts children while a run logs: loader workers, pools, and processes that outlive it."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import taken
from tests.faults.outcome import Outcome, unless
from tests.faults.processes.descriptors import kept_apart
from tests.faults.processes.forking import text
from tests.faults.processes.texts import at_server, differences, in_journals, in_json_lines, in_texts, sums_of
from tests.faults.training import ENDPOINT, send, wait_for_senders
from tests.processes import REPOSITORY, environment

HANG_S = (120, 1800)
"""Seconds after which a program counts as hung, in the short form and in the full one."""
SETTLE_S = 30.0


def forked(context: Context, program: str, short: int, full: int, *, live: bool = True) -> Outcome:
    """Run a program of `forking`; with an endpoint, unless the journal is to be looked at before it is sent.

    Args:
        context: How.
        program: Its name.
        short: What is done how often in the short form.
        full: And in the full one.
        live: Whether the endpoint is there from the beginning.
    """
    work_dir = context.folder / "work"
    with FakeReceiver() as receiver:
        variables = {"OTEL_MMLOG_CLOSE_TIMEOUT": str(SETTLE_S), "OTEL_MMLOG_LINGER": str(SETTLE_S)}
        if live:
            variables[ENDPOINT] = receiver.http_endpoint
        seen, wrong = _run(program, work_dir, context.pick(short, full), variables, context.pick(*HANG_S))
        if seen is None:
            return Outcome(wrong=wrong)
        wait_for_senders(work_dir, SETTLE_S * 2)
        journal, torn = in_journals(work_dir.glob("otlp/*/*.jsonl*"))
        sent = send(work_dir, receiver.http_endpoint)
        texts = at_server(receiver)
    expected = Counter(text(who, number) for who, count in seen["lines"].items() for number in range(count))
    wrong += torn + unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")
    wrong += _check_files(work_dir, expected)
    wrong += differences("the server", texts, expected)
    wrong += _check_items(receiver, seen["spans"])
    if not live:
        wrong += differences("the journal", journal, expected)
    wrong += unless(seen["hung"] == 0, f"{seen['hung']} children hung or failed")
    wrong += unless(seen["complete"], "close said that not all was delivered")
    wrong += unless(seen.get("caught") != 0, "no fork came in the middle of a write")
    note = f"{seen['caught']} forks in the middle of a write" if "caught" in seen else ""
    return Outcome(sums_of(expected, texts, journal), close_s=seen["close_s"], wrong=wrong, note=note)


def _run(
    program: str, work_dir: Path, count: int, variables: Mapping[str, str], timeout_s: float
) -> tuple[dict[str, Any] | None, list[str]]:
    """What a program saw; None and why if it did not end well."""
    command = [sys.executable, "-m", "tests.faults.processes.forking", program, str(work_dir), str(count)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its children with it
            return None, [f"{program} hung"]
    if process.returncode:
        return None, [f"{program} ended with {process.returncode}: {stderr[-1000:]}"]
    seen: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return seen, unless("Traceback" not in stderr, f"{program} said: {stderr[-1000:]}")


def _check_items(receiver: FakeReceiver, spans: Mapping[str, int]) -> list[str]:
    """What is wrong with what arrived besides the texts: items that differ under one key, and the programs' spans."""
    contents = [set(items) for items in taken(receiver).values()]
    double = sum(len(each) - len({key for key, _ in each}) for each in contents)
    found = Counter(span.name for span in receiver.spans() if span.name in spans and span.status == 0)
    return [
        *unless(double == 0, f"{double} items differ under one key"),
        *unless(found == Counter(spans), f"of the spans {dict(spans)} these arrived: {dict(found)}"),
    ]


def _check_files(work_dir: Path, expected: Counter[str]) -> list[str]:
    """What is wrong with the text and the JSON file."""
    texts, wrong = in_texts([work_dir / "tmp.log"])
    lines, more = in_json_lines([work_dir / "tmp.jsonl"])
    return [
        *wrong,
        *more,
        *differences("the text file", texts, expected),
        *differences("the JSON file", lines, expected),
    ]


FAULTS: Sequence[Fault] = named(
    "forks",
    [
        Fault("mid-write", partial(forked, program="mid-write", short=30, full=500, live=False)),
        Fault("loader-workers", partial(forked, program="loader", short=2, full=100)),
        Fault("pool-fork", partial(forked, program="pool-fork", short=2, full=20)),
        Fault("pool-spawn", partial(forked, program="pool-spawn", short=1, full=5)),
        Fault("pool-forkserver", partial(forked, program="pool-forkserver", short=1, full=5)),
        Fault("descriptors", kept_apart),
        Fault("outlive-the-run", partial(forked, program="outlive", short=4, full=50)),
    ],
)
