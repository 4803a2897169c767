"""Training processes under a test's command."""

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.end_to_end.servers import wait_until
from tests.faults.outcome import Steps
from tests.processes import REPOSITORY, environment, run_python

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SEND = "import sys; from otel_mmlog.cli.main import main; main(sys.argv[1:], 'otel-mmlog')"


@dataclass(frozen=True, slots=True)
class Closed:
    """What a training said when it was closed.

    Attributes:
        complete: What `close` returned.
        close_s: Seconds that it took.
        produced: Items, by signal.
        refused: Items that are not in the journal, by signal and reason.
        rejected: Items that the server took note of and dropped, by signal, as the sender said last.
        quarantined: Items that were set aside, by signal, as the sender said last.
        unconfirmed: How often the disk did not confirm what it had taken.
        warnings: How many there were, also where a console shows each text once.
        faults: How often each output failed: console and files, by name and kind of error.
    """

    complete: bool
    close_s: float
    produced: Mapping[str, int]
    refused: Mapping[tuple[str, str], int]
    rejected: Mapping[str, int]
    quarantined: Mapping[str, int]
    unconfirmed: int = 0
    warnings: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)


class Training:
    """A process of `tests.faults.trainer`.

    Attributes:
        process: The process.
        work_dir: Where it writes.
    """

    def __init__(self, process: "subprocess.Popen[str]", work_dir: Path, stderr: Path | None = None) -> None:
        self.process = process
        self.work_dir = work_dir
        self._stderr = stderr or work_dir / "stderr"

    @property
    def journals(self) -> list[Path]:
        """The files of its journals."""
        return sorted(self.work_dir.glob("otlp/rank*/*.jsonl*"))

    def begin(self, steps: int) -> None:
        """Let it train; `costs_us` waits for the end."""
        self._tell(f"train {steps}")

    def costs_us(self) -> list[float]:
        """What logging cost each step that `begin` asked for."""
        costs: list[float] = self._hear()["costs_us"]
        return costs

    def train(self, steps: int) -> list[float]:
        """Let it train, and wait."""
        self.begin(steps)
        return self.costs_us()

    def flush(self, seconds: float) -> bool:
        """``run.flush``."""
        self._tell(f"flush {seconds}")
        return bool(self._hear()["flushed"])

    def close(self) -> Closed:
        """``run.close``, and the end of the process."""
        self._tell("close")
        said = self._hear()
        self.process.wait(30)
        refused = {(signal, reason): count for signal, reason, count in said.pop("refused")}
        return Closed(**said, refused=refused)

    def _tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the training ended with {self.process.wait(10)}: {self._stderr.read_text()}"
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def started(
    work_dir: Path,
    variables: Mapping[str, str] | None = None,
    *,
    pause_ms: float = 1.0,
    interval: int = 10,
    prefix: Sequence[str] = (),
    stderr: Path | None = None,
) -> Iterator[Training]:
    """A training that is ready to train; at the end it is killed if it still runs, and its sender lingers no longer.

    Args:
        work_dir: Where it writes.
        variables: Added to its environment, such as an endpoint.
        pause_ms: What a step takes without us.
        interval: Steps from one record to the next.
        prefix: What its command line begins with, such as ``ip netns exec``.
        stderr: Where what it says goes; None for ``stderr`` in work_dir.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    arguments = [str(work_dir), str(pause_ms), str(interval)]
    command = [*prefix, sys.executable, "-m", "tests.faults.trainer", *arguments]
    with (stderr or work_dir / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment({"OTEL_MMLOG_LINGER": "0", **(variables or {})}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    training = Training(process, work_dir, stderr)
    with process:
        try:
            training._hear()
            yield training
        finally:
            process.kill()


def side_by_side(faulty: Training, healthy: Training, steps: int, rounds: int = 5) -> Steps:
    """Let two trainings train at the same time, one of them under the fault; a busy machine slows both alike.

    Returns:
        The median of the rounds' slowest hundredths, and of their slowest steps.
    """
    figures = []
    for _ in range(rounds):
        for training in (faulty, healthy):
            training.begin(steps // rounds)
        ours, others = sorted(faulty.costs_us()), sorted(healthy.costs_us())
        figures.append((_p99(ours), ours[-1], _p99(others), others[-1]))
    return Steps(*(statistics.median(each) for each in zip(*figures, strict=True)))


def send(
    work_dir: Path, endpoint: str, *options: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """``otel-mmlog send``, as the last line of a run tells to."""
    return run_python(_SEND, "send", work_dir, "--endpoint", endpoint, *options, env=variables)


def wait_for_senders(work_dir: Path, timeout_s: float = 20.0) -> None:
    """Wait until no sender has a folder of a work_dir any more."""
    assert wait_until(lambda: not sender_pids(work_dir), timeout_s), "a sender still runs"


def sender_pids(work_dir: Path) -> list[int]:
    """The senders of a work_dir's journals."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if b"otel_mmlog.sender_main" in command and os.fsencode(work_dir) in command:
            found.append(int(path.parent.name))
    return found


def by_reason(refused: Mapping[tuple[str, str], int]) -> Counter[str]:
    """Refused items of all signals, by reason."""
    counts: Counter[str] = Counter()
    for (_, reason), count in refused.items():
        counts[reason] += count
    return counts


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
