"""Inputs that nobody thought of: settings, calls and journals."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis.strategies import SearchStrategy

from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.values.exploring import explore
from tests.faults.values.fuzz_journals import Journals
from tests.faults.values.fuzz_rules import any_rules, check_any, check_wrong, wrong_cfgs
from tests.faults.values.twisted import damaged_journals
from tests.processes import REPOSITORY, environment

WRONG_CFGS = 1000
"""Wrong configurations to be told, each by one error."""


def explored(
    context: Context,
    strategy: SearchStrategy[Any],
    check: Callable[[Any], object],
    *,
    short: int,
    full: int,
    share: float = 1.0,
) -> tuple[int, list[str]]:
    """As many examples as the form asks for; the full form goes on for its share of the time."""
    minutes = None if context.minutes is None else context.minutes * share
    return explore(strategy, check, least=context.pick(short, full), minutes=minutes)


def wrong_rules(context: Context) -> Outcome:
    """Each wrong ``custom_cfg`` is one error before training, and no other one becomes an error in it."""
    wrong_ones, wrong = explored(context, wrong_cfgs, check_wrong, short=150, full=WRONG_CFGS, share=0.5)
    others, wrong_others = explored(context, any_rules, check_any, short=100, full=WRONG_CFGS, share=0.5)
    return Outcome(wrong=wrong + wrong_others, note=f"{wrong_ones:,} wrong ones, {others:,} of any kind")


def log_calls(context: Context) -> Outcome:
    """Each call arrives with what was beside the odd values in it."""
    minutes = context.minutes or 0
    command = [sys.executable, "-m", "tests.faults.values.fuzz_calls", str(context.folder / "run")]
    ended = subprocess.run(
        [*command, str(context.pick(60, 1000)), str(minutes)],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300 + 60 * minutes,
        check=False,
    )
    if ended.returncode:
        return Outcome(wrong=[f"it ended with {ended.returncode}: {ended.stderr[-1000:]}"])
    count, wrong = json.loads(ended.stdout.splitlines()[-1])
    return Outcome(wrong=wrong, note=f"{count:,} calls")


def journals_read(context: Context) -> Outcome:
    """The reader and the recovery of spans; then the commands."""
    journals = Journals(context.folder)
    read, wrong = explored(context, damaged_journals, journals.check_reading, short=150, full=2000, share=0.7)
    told, wrong_commands = explored(
        context, damaged_journals, journals.check_commands, short=15, full=200, share=0.3
    )
    return Outcome(wrong=wrong + wrong_commands, note=f"{read:,} journals read, {told:,} exported")


def journals_sent(context: Context, protocol: str) -> Outcome:
    """``otel-mmlog send``."""
    check = partial(Journals(context.folder).check_sending, protocol=protocol)
    sent, wrong = explored(context, damaged_journals, check, short=15, full=150)
    return Outcome(wrong=wrong + unless(sent > 0, "none was sent"), note=f"{sent:,} journals sent")


FAULTS: Sequence[Fault] = named(
    "fuzz",
    [
        Fault("custom-cfg", wrong_rules),
        Fault("log-calls", log_calls),
        Fault("journals-read", journals_read),
        Fault("journals-sent-http", partial(journals_sent, protocol="http/json")),
        Fault("journals-sent-grpc", partial(journals_sent, protocol="grpc")),
    ],
)
