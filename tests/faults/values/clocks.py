"""Clocks that leap: what is measured stays right, nothing waits for the old time, and the order can be found again."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, unless
from tests.faults.training import ENDPOINT, Closed, send, wait_for_senders
from tests.faults.values.clock_checks import wrong_points, wrong_records, wrong_spans
from tests.faults.values.clock_trainer import STEP_S, set_clock
from tests.processes import run_python

HOUR_S, DAY_S = 3600.0, 86_400.0
STEPS = 400
SEGMENT_AGE_S = 1
_SOURCE = Path(__file__).with_name("clock_shim.c")
_PROGRAM = (
    "import runpy; runpy.run_module('tests.faults.values.clock_trainer', run_name='__main__', alter_sys=True)"
)
_LEAP_S = 1_792_890_000  # 2026-10-25 03:00:00 in summer time: the next second is 02:00:00 in winter time
_TIME_ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
_building = threading.Lock()

Changes = Mapping[int, tuple[float, int]]
"""Step -> seconds that are added to the clock, and billionths by which all clocks run fast from then on."""


def changed(
    context: Context, changes: Changes, *, starts_s: float | None = None, **variables: str
) -> Outcome:
    """A training and its sender, whose clock changes while the server answers 503, and then takes everything."""
    shim = _shim(context.folder)
    if shim is None:
        return Outcome(note="not made: there is no C compiler")
    with FakeReceiver() as receiver:
        receiver.answer(503, times=2, signal="metrics")
        offset_s = 0.0 if starts_s is None else starts_s - time.time()
        changes = {step: (offset_s + each, rate) for step, (each, rate) in changes.items()}
        said = _train(context.folder / "run", shim, offset_s, changes, receiver.http_endpoint, variables)
        wait_for_senders(context.folder / "run")
        closed = _closed(said)
        sums, wrong = balance(closed, taken(receiver), on_disk(()))
        wrong += unless(closed.complete, "close gave up")
        wrong += unless(
            said["segments"] >= int(said["trained_s"] / (SEGMENT_AGE_S + said["longest_interval_s"] + 0.1)),
            f"{said['segments']} segments in {said['trained_s']:.1f} s",
        )
        wrong += wrong_records(receiver.logs(), STEPS, STEP_S, said["trained_s"])
        wrong += wrong_spans(receiver.spans(), said["trained_s"] + closed.close_s, around=len(changes))
        wrong += wrong_points(receiver.points(), receiver.logs(), said["trained_s"])
    wrong += _wrong_file(context.folder / "run" / "tmp.jsonl")
    return Outcome(sums, None, closed.close_s, wrong)


def restarted_an_hour_back(context: Context) -> Outcome:
    """An attempt; then, with the clock an hour back, the next one: its segments are behind the first one's."""
    shim = _shim(context.folder)
    if shim is None:
        return Outcome(note="not made: there is no C compiler")
    work_dir = context.folder / "run"
    first = _closed(_train(work_dir, shim, 0, {}, "", {}, steps=50))
    before = {path.name for path in work_dir.glob("otlp/rank*/*.jsonl*")}
    second = _closed(_train(work_dir, shim, -HOUR_S, {}, "", {}, steps=50))
    names = sorted(path.name for path in work_dir.glob("otlp/rank*/*.jsonl*"))
    wrong = unless(set(names[: len(before)]) == before, f"the order of the attempts is lost: {names}")
    with FakeReceiver() as receiver:
        sent = send(work_dir, receiver.http_endpoint)
        both = Closed(
            True,
            second.close_s,
            {each: first.produced[each] + second.produced[each] for each in first.produced},
            {**first.refused, **second.refused},
            {},
            {},
        )
        sums, unbalanced = balance(both, taken(receiver), on_disk(()))
        attempts = {
            log.attributes.get("mmlog.run.attempt", log.resource["mmlog.run.attempt"])
            for log in receiver.logs()
        }
        ends = [log.attributes["iter"] for log in receiver.logs() if log.event_name == "mmlog.train.iter"]
    wrong += unbalanced
    wrong += unless(sent.returncode == 0, f"sending failed: {sent.stderr[-300:]}")
    wrong += unless(attempts == {0, 1}, f"attempts {attempts}")
    wrong += unless(len(ends) == 10, f"{len(ends)} records")
    return Outcome(sums, None, second.close_s, wrong)


def _train(
    work_dir: Path,
    shim: Path,
    offset_s: float,
    changes: Changes,
    endpoint: str,
    variables: Mapping[str, str],
    *,
    steps: int = STEPS,
) -> dict[str, Any]:
    work_dir.mkdir(exist_ok=True)
    clock = work_dir.parent / "clock"
    set_clock(clock, offset_s)
    environment = {
        "LD_PRELOAD": str(shim),
        "CLOCK_SHIM": str(clock),
        "OTEL_MMLOG_SEGMENT_MAX_AGE": str(SEGMENT_AGE_S),
        "OTEL_MMLOG_CLOSE_TIMEOUT": "60",
        **({ENDPOINT: endpoint} if endpoint else {}),
        **variables,
    }
    ended = run_python(_PROGRAM, work_dir, steps, json.dumps(changes), clock, env=environment)
    assert ended.returncode == 0, ended.stderr[-2000:]
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


def _closed(said: Mapping[str, Any]) -> Closed:
    refused = {(signal, reason): count for signal, reason, count in said["refused"]}
    return Closed(
        said["complete"], said["close_s"], said["produced"], refused, said["rejected"], said["quarantined"]
    )


def _wrong_file(path: Path) -> list[str]:
    """What is wrong with the JSON file: it is numbered in the order in which it was written."""
    numbers = [json.loads(line)["seq"] for line in path.read_text(encoding="utf-8").splitlines()]
    return unless(numbers == list(range(len(numbers))), "seq does not tell the order of the JSON file")


def _shim(folder: Path) -> Path | None:
    """The library that shifts clocks, compiled; None without a compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    library = folder / "clock_shim.so"
    with _building:
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", library, _SOURCE, "-ldl"],
            check=True,
            capture_output=True,
        )
    return library


FAULTS: Sequence[Fault] = named(
    "clock",
    [
        Fault("an-hour-back", partial(changed, changes={150: (-HOUR_S, 0)})),
        Fault("a-day-forward", partial(changed, changes={150: (DAY_S, 0)})),
        Fault("forward-and-back", partial(changed, changes={100: (DAY_S, 0), 200: (0, 0)})),
        Fault("slewed", partial(changed, changes={100: (0, 20_000_000), 200: (0, -20_000_000)})),
        Fault(
            "end-of-summer-time",
            partial(changed, changes={150: (0, 0)}, starts_s=_LEAP_S - STEPS * STEP_S / 2, TZ=_TIME_ZONE),
        ),
        Fault("restart-an-hour-back", restarted_an_hour_back),
    ],
)
