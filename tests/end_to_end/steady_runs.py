"""A training that lasts as long as a test wants it to, and the sender that runs beside it."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.servers import wait_until
from tests.processes import BEGIN, run_python, start_python

TRAIN = (
    BEGIN
    + """
steps, pause_s = int(sys.argv[2]), float(sys.argv[3])
for _epoch in run.epochs(3):
    for step in run.train(range(steps // 3)):
        time.sleep(pause_s)
        run.log(loss=1.0 / (1 + step))
print("closed", run.close(), flush=True)
"""
)
PAUSE_S = 0.02
EVENT = re.compile(r"^\d\d/\d\d \d\d:\d\d:\d\d - \S+ - [A-Z]+ - (.*)$")


@dataclass(frozen=True, slots=True)
class SteadyRun:
    """A training process.

    Attributes:
        process: The process.
        work_dir: Where it writes.
        variables: Where it sends to, and how.
    """

    process: "subprocess.Popen[str]"
    work_dir: Path
    variables: Mapping[str, str]

    def finish(self) -> list[str]:
        """Wait for its end and return what it printed; it must have ended well, unless it was killed."""
        out, error = self.process.communicate(timeout=120)
        assert self.process.returncode in {0, -9}, error[-4000:]
        return out.splitlines()

    def sender_pids(self) -> list[int]:
        """The senders that are children of it now."""
        stats = (stat for path in Path("/proc").glob("[0-9]*") if (stat := _stat(path)))
        children = [pid for pid, parent in stats if parent == self.process.pid]
        return [pid for pid in children if is_sender(pid)]

    def wait_for_sender(self, timeout_s: float = 20.0) -> int:
        """The pid of its sender, as soon as there is one."""
        assert wait_until(lambda: bool(self.sender_pids()), timeout_s), "no sender was started"
        (pid,) = self.sender_pids()
        return pid

    def lines(self) -> list[dict[str, Any]]:
        """What is in its JSON file."""
        path = self.work_dir / "tmp.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def send(self) -> "subprocess.CompletedProcess[str]":
        """Send by hand what is left, as its last line tells how to."""
        source = "import sys; from otel_mmlog.cli.main import main; main(sys.argv[1:], 'otel-mmlog')"
        return run_python(source, "send", self.work_dir, env=self.variables)


def start_steady(work_dir: Path, seconds: float, variables: Mapping[str, str]) -> SteadyRun:
    """Start a training of three epochs that takes about so long."""
    process = start_python(TRAIN, work_dir, round(seconds / PAUSE_S), PAUSE_S, env=variables)
    return SteadyRun(process, work_dir, variables)


def segments(work_dir: Path) -> list[Path]:
    """What lies in the journals of a work_dir: open and sealed segments, and what is in quarantine."""
    return sorted(work_dir.glob("otlp/rank*/*.jsonl*"))


def printed_events(printed: list[str]) -> list[str]:
    """The texts of the lines of a console."""
    return [match[1] for line in printed if (match := EVENT.match(line))]


def is_sender(pid: int) -> bool:
    """Whether a process is a run's sender, and alive."""
    try:
        return b"otel_mmlog.sender_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _stat(folder: Path) -> tuple[int, int] | None:
    """Pid and parent of a process, or None if it has gone."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(folder.name), int(fields[1])
