"""What a killed run left, damaged anywhere: the next attempt, its sender and ``otel-mmlog send`` start on it."""

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from otel_mmlog.testing import FakeReceiver
from tests.faults.disk.damage import changed
from tests.faults.fault import Context, Fault
from tests.faults.ledger import SIGNALS, Items, on_disk, taken
from tests.faults.outcome import Outcome, Sums, unless
from tests.faults.training import ENDPOINT, Closed, send, started, wait_for_senders

_SEED: Final = 7


def starts(context: Context) -> Outcome:
    """All that the next attempt logs is delivered, and of what the killed one left nothing but what it was."""
    original = context.folder / "original"
    _leave(original)
    before = on_disk(sorted(original.glob("otlp/rank*/*.jsonl*")))
    moments = random.Random(_SEED)
    all_sums, wrong = [], []
    times = context.pick(2, 40)
    for number in range(times):
        run = context.folder / f"run{number}"
        shutil.copytree(original, run)
        what = [_damage(path, moments) for path in sorted(run.rglob("*")) if path.is_file()]
        sums, found = _start_again(run, before)
        all_sums.append(sums)
        wrong += [f"{each} after {'; '.join(what)}" for each in found]
        shutil.rmtree(run)
    totals = [sum(each) for each in zip(*all_sums, strict=True)]
    return Outcome(Sums(*totals), None, None, wrong, f"{times} starts, each file damaged")


def _leave(run: Path) -> None:
    """A run that is killed while its server is away, in the middle of a span."""
    with FakeReceiver() as receiver:
        receiver.answer(503, times=None)
        with started(run, {ENDPOINT: receiver.http_endpoint}) as training:
            training.train(300)
            training.process.kill()
        wait_for_senders(run)


def _damage(path: Path, moments: random.Random) -> str:
    """Change, cut or blank a file somewhere; returns what was done."""
    data = path.read_bytes()
    place = moments.randrange(max(1, len(data)))
    kind = moments.choice(("changed", "cut", "zeros"))
    if kind == "changed" and data:
        data = data[:place] + bytes([changed(data[place], moments)]) + data[place + 1 :]
    elif kind == "cut":
        data = data[:place]
    else:
        length = min(len(data) - place, moments.randrange(1, 5000))
        data = data[:place] + bytes(length) + data[place + length :]
    path.write_bytes(data)
    return f"{kind} at {place} of {path.name}"


def _start_again(run: Path, before: Items) -> tuple[tuple[int, int], list[str]]:
    """What the new attempt produced, and what of it was delivered."""
    with FakeReceiver() as receiver:
        with started(run, {ENDPOINT: receiver.http_endpoint}) as training:
            training.train(50)
            closed = training.close()
            code = training.process.wait(10)
        wait_for_senders(run)
        sent = send(run, receiver.http_endpoint, "--patience", "5")
        after = taken(receiver)
    wrong = unless(code == 0, f"the attempt ended with {code}")
    wrong += unless(sent.returncode == 0, f"sending ended with {sent.returncode}: {sent.stderr[-300:]}")
    wrong += unless(not closed.refused, f"refused: {closed.refused}")
    wrong += [each for signal in ("metrics", "logs") for each in _wrong_items(signal, closed, before, after)]
    delivered = sum(len(set(after[signal]) - set(before[signal])) for signal in SIGNALS)
    return (sum(closed.produced.values()), delivered), wrong


def _wrong_items(signal: str, closed: Closed, before: Items, after: Items) -> list[str]:
    """What is neither the new attempt's nor as the old one had it."""
    attempts = Counter(key[0] for key, _ in set(after[signal]) - set(before[signal]))
    expected = closed.produced.get(signal, 0)
    return unless(
        list(attempts.values()) == [expected],
        f"{signal}: {expected} were produced, but {dict(attempts)} came",
    )


FAULTS: Sequence[Fault] = [Fault("starts", starts)]
