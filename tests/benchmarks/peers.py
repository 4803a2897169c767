"""What others cost that are used for this, on the same scalars: each in a process of its own, in turn."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.harness import Cost
from tests.benchmarks.peer_process import INTERVAL, PEERS, is_installed
from tests.benchmarks.table import Clock, Row, Target, compare

NAME = "peers"
_OURS = "otel-mmlog"
_CLOCKS: tuple[Clock, ...] = ("cpu", "wall")
_TARGETS = {"mmengine": 1 / 4, "logging + json": 2.0}


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield a row for each peer that is installed, by CPU time of the training process and by the clock."""
    steps, rounds = (INTERVAL * 20, 1) if quick else (INTERVAL * 300, 3)
    names = [name for name in PEERS if is_installed(name)]
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for round_ in range(rounds):
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            costs[name].append(_measure(name, steps))
    for peer in names:
        if peer != _OURS:
            target = Target("ratio", _TARGETS[peer]) if peer in _TARGETS else None
            for clock in _CLOCKS:
                yield compare(
                    NAME,
                    f"a step of 8 scalars, written every {INTERVAL}",
                    (costs[_OURS], costs[peer]),
                    clock=clock,
                    unit="us",
                    peer=peer,
                    target=target,
                )


def missing() -> str:
    """Return a line that names the peers that are not installed, and how to install them; empty if all are."""
    names = [name for name in PEERS if not is_installed(name)]
    return f"not installed: {', '.join(names)} (pip install -e '.[benchmarks]')" if names else ""


def _measure(name: str, steps: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.peer_process", name, folder, str(steps)]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Cost(said["wall_s"], said["cpu_s"])
