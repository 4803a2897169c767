"""Things in a run's folders that no run has put there: the next start goes on beside them, and is never held up."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context, Fault
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, Sums, unless
from tests.faults.training import ENDPOINT, send, started, wait_for_senders

CLOSE_S: Final = 1.0
START_S: Final = 15.0
"""What a start or a sending takes at most, on a busy machine."""

_WATCH: Final = ("timeout", "-s", "KILL", "60")

_GARBAGE: Final = bytes(range(256)) * 40 + b'{"resourceMetrics":[{"\n' + b"\n" * 50 + b"x" * 5000
_OLD: Final = "20200101T000000_000000-0badc0de"
_TARGET: Final = "target"


def _garbage(path: Path) -> None:
    path.write_bytes(_GARBAGE)


def _folder(path: Path) -> None:
    path.mkdir()
    _garbage(path / "inside")


def _link(path: Path) -> None:
    path.symlink_to(Path(os.environ.get("TMPDIR", "/tmp"), "there-is-nothing-here"))


KINDS: Final[Mapping[str, Callable[[Path], None]]] = {
    "pipe": os.mkfifo,
    "folder": _folder,
    "garbage": _garbage,
    "link": _link,
}

BESIDE: Final = (
    *("otlp/notes.txt", "otlp/rank0000/notes.txt", "otlp/rank0000/core", "otlp/rank9999"),
    *(f"otlp/rank0000/{_OLD}.0000.jsonl", f"otlp/rank0000/{_OLD}.0001.jsonl.part"),
    *("otlp/rank0000/cursor.new", "otlp/rank0000/sender.log", "otlp/rank0000/quarantine.logs.jsonl"),
    *("tmp.log", "tmp.jsonl", ".mmlog/rank0000.jsonl"),
)
"""Places in which anything may be, and all that is logged is delivered all the same."""

INSTEAD: Final = ("otlp/rank0000/cursor", "otlp/rank0000", "otlp", ".mmlog")
"""Places in which something else keeps a part from working; what it is for is then counted, or waits."""


def planted(context: Context, places: Sequence[str], *, delivers: bool) -> Outcome:
    """A run starts, trains, sends and closes with each kind of thing in all of these places."""
    kinds = list(KINDS)[: context.pick(2, len(KINDS))]
    sums: list[Sums] = []
    wrong: list[str] = []
    for kind in kinds:
        each, found = _watched(context.folder / kind, kind, places)
        sums.append(each)
        wrong += [f"{kind}: {what}" for what in found]
        if delivers:
            wrong += unless(each.delivered == each.produced, f"{kind}: {each} is not all delivered")
    return Outcome(_total(sums), None, None, wrong, ", ".join(kinds))


def _watched(run: Path, kind: str, places: Sequence[str]) -> tuple[Sums, list[str]]:
    try:
        return _run_beside(run, kind, places)
    except AssertionError as error:  # the training ended when it should not, or was ended
        return Sums(0), [str(error)[:500]]


def _run_beside(run: Path, kind: str, places: Sequence[str]) -> tuple[Sums, list[str]]:
    for place in places:
        (run / place).parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](run / place)
    stderr = run.with_suffix(".stderr")
    with FakeReceiver() as receiver:
        begun_s = time.monotonic()
        variables = {ENDPOINT: receiver.http_endpoint, "OTEL_MMLOG_CLOSE_TIMEOUT": str(CLOSE_S)}
        with started(run, variables, stderr=stderr, prefix=_WATCH) as training:
            start_s = time.monotonic() - begun_s
            training.train(100)
            closed = training.close()
            code = training.process.wait(10)
        wait_for_senders(run)
        wrong = unless(code == 0, f"it ended with {code}: {stderr.read_text()[-300:]}")
        wrong += _wrong_sending(run, receiver)
        sums, found = balance(
            closed, taken(receiver), on_disk(path for path in training.journals if path.is_file())
        )
    wrong += unless(start_s < START_S, f"the start took {start_s:.1f} s")
    wrong += unless(closed.close_s < CLOSE_S + 1, f"closing took {closed.close_s:.1f} s")
    return sums, wrong + found


def _wrong_sending(run: Path, receiver: FakeReceiver) -> list[str]:
    """``otel-mmlog send`` ends by itself, and tells of what it cannot do in words."""
    try:
        done = send(run, receiver.http_endpoint, "--patience", "2")
    except subprocess.TimeoutExpired:
        return ["otel-mmlog send does not end"]
    return unless("Traceback" not in done.stderr, f"otel-mmlog send fails: {done.stderr[-500:]}")


def _total(all_sums: Sequence[Sums]) -> Sums:
    names = [name for name in Sums._fields if name != "dropped"]
    dropped: dict[str, int] = {}
    for sums in all_sums:
        for reason, count in sums.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    return Sums(**{name: sum(getattr(sums, name) for sums in all_sums) for name in names}, dropped=dropped)


FAULTS: Sequence[Fault] = [
    Fault("foreign-beside", partial(planted, places=BESIDE, delivers=True)),
    *(
        Fault(f"foreign-{Path(place).name}", partial(planted, places=[place], delivers=False))
        for place in INSTEAD
    ),
]
