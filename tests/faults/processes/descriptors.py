"""What children of a training inherit: nothing of ours, however they are started."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context
from tests.faults.outcome import Outcome, unless
from tests.faults.training import ENDPOINT
from tests.processes import REPOSITORY, environment

TIMEOUT_S = 120.0


def kept_apart(context: Context) -> Outcome:
    """Start children in every way, with a run that has all it can have open, and without one."""
    work_dir = context.folder / "work"
    with FakeReceiver() as receiver:
        with_run, said = _start(context.folder / "with", {ENDPOINT: receiver.http_endpoint}, work_dir)
    without, _ = _start(context.folder / "without", {})
    wrong = unless(len(without) > 0 and with_run.keys() == without.keys(), f"children failed: {said}")
    for way, found in with_run.items():
        more = Counter(found) - Counter(without.get(way, ()))
        wrong += unless(not more, f"{way}: the child has {', '.join(more)}")
    wrong += unless(said.strip() == "false", f"the sender has the job's pipe, or ended before: {said}")
    return Outcome(wrong=wrong, note=f"{len(with_run)} ways")


def _start(folder: Path, variables: Mapping[str, str], *work_dir: Path) -> tuple[dict[str, list[str]], str]:
    """What each child had open, by the way it was started, and what the program said."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.processes.children", str(folder), *map(str, work_dir)],
        cwd=REPOSITORY,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    found = {path.name: json.loads(path.read_text()) for path in sorted(folder.iterdir())}
    return found, done.stdout + done.stderr
