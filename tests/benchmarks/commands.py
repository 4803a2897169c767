"""What it takes to look at the files of a long run: our commands, and what finds the same with grep, jq and tail."""

import json
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import otel_mmlog
from tests.benchmarks.record import LOGGED, RULES
from tests.benchmarks.scalars import varied_steps
from tests.benchmarks.table import Row, Target, compare_figures, figure

NAME = "commands"
LINES = 100_000
_RANKS = 4
_INTERVAL_S = 0.5
_WORDS = "is large at 1"
_ROOT = Path(otel_mmlog.__file__).parents[1]
_MB = 1e6
_MOST_MB = 300.0
_OURS = """
import re, sys
from pathlib import Path
from otel_mmlog.cli.main import main
try:
    main(sys.argv[1:], prog_name="otel-mmlog")
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


class _Task(NamedTuple):
    """Something to find out.

    Attributes:
        what: In words.
        ours: Arguments of our command.
        theirs: A command line for a shell.
        target: What is promised.
    """

    what: str
    ours: Sequence[str]
    theirs: str
    target: Target | None = None


def rows(*, quick: bool, lines: int = LINES) -> Iterator[Row]:
    """Yield the rows of this benchmark.

    Args:
        quick: Whether one round of few lines will do.
        lines: Of each rank.
    """
    ranks, lines = (2, 300) if quick else (_RANKS, lines)
    with tempfile.TemporaryDirectory() as folder:
        first = _write(Path(folder), ranks, lines)
        peaks: list[float] = []
        for task in _tasks(Path(folder), first, time.time() - 300):
            figures: tuple[list[float], list[float]] = ([], [])
            for _ in range(1 if quick else 3):
                spent_ms, told = _spent([sys.executable, "-c", _OURS, *task.ours])
                figures[0].append(spent_ms)
                peaks.append(int(told.split()[-1]) * 1024 / _MB)
                figures[1].append(_spent(["sh", "-c", task.theirs])[0])
            what = f"{task.what}, {ranks} ranks of {lines:,} lines"
            peer = task.theirs.partition(" ")[0]
            if peer and shutil.which(peer):
                yield compare_figures(
                    NAME, what, figures, clock="cpu", unit="ms", peer=peer, target=task.target
                )
            else:
                yield figure(NAME, what, figures[0], clock="cpu", unit="ms")
        yield figure(
            NAME, "memory of these, the most", [max(peaks)], unit="MB", target=Target("ours", _MOST_MB)
        )


def _tasks(folder: Path, first: Path, since_s: float) -> Iterator[_Task]:
    here, files = str(folder), f"{shlex.quote(str(folder))}/*.jsonl"
    stamp = datetime.fromtimestamp(since_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    column = f"jq -r 'select(.mode == \"train\") | [.iter, .tags.loss] | @tsv' {shlex.quote(str(first))}"
    yield _Task("show", ["show", here], "")
    yield _Task("tail", ["tail", here], f"tail -qn 20 {files}")
    yield _Task(
        "tail --since 5m",
        ["tail", here, "--since", "5m"],
        f"jq -r 'select(.ts > \"{stamp}\") | .event' {files}",
    )
    found = ["tail", here, "-n", "all", "--grep", _WORDS]
    yield _Task(
        "tail --grep of all",
        found,
        f"jq -r 'select(.event | test(\"{_WORDS}\")) | .event' {files}",
        Target("ratio", 1.0),
    )
    yield _Task("tail --grep of all", found, f"grep -h '{_WORDS}' {files} | cat")
    yield _Task("plot of a scalar", ["plot", here, "train/loss"], column, Target("ratio", 1.0))


def _spent(command: Sequence[str]) -> tuple[float, str]:
    """Milliseconds of CPU that a command takes, its children's too, and what it says on stderr.

    Raises:
        RuntimeError: It failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_ms = 1e3 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    if done.returncode > 1:  # 1 is grep's for nothing found
        raise RuntimeError(f"{command} failed with {done.returncode}: {done.stderr}")
    return spent_ms, done.stderr


def _write(folder: Path, ranks: int, lines: int) -> Path:
    """Write the files of ranks, of lines as a run writes them, the last one of now; returns that of rank 0."""
    first = folder / "long.jsonl"
    start, record, end = _real_lines(folder)
    began_s = time.time() - lines * _INTERVAL_S
    with first.open("w") as file:
        for number in range(lines):
            of = start if number == 0 else end if number == lines - 1 else record
            moment = datetime.fromtimestamp(began_s + number * _INTERVAL_S, timezone.utc)
            of |= {"ts": f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z", "seq": number}
            if of is record:
                of |= {"iter": number * 10, "step": number * 10}
                record["tags"] |= {"loss": 1 / (1 + number)}
            line = of
            if number % 1000 == 500:
                line = {key: of[key] for key in start if key in of} | {
                    "level": "WARNING",
                    "event": f"it is large at {number}",
                }
                line.pop("event_name", None)
            file.write(json.dumps(line) + "\n")
    data = first.read_bytes()
    for rank in range(1, ranks):
        (folder / f"long_rank{rank}.jsonl").write_bytes(data.replace(b'"rank": 0,', b'"rank": %d,' % rank))
    return first


def _real_lines(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The first line of a real run, a record, and the line that ends it."""
    values = varied_steps(LOGGED)
    with otel_mmlog.init(
        "real", work_dir=folder / "real", by_epoch=False, interval=1, console=False, custom_cfg=RULES
    ) as run:
        for step in run.train(range(3)):
            run.log(values[step % len(values)])
    lines = [json.loads(line) for line in (folder / "real" / "real.jsonl").read_text().splitlines()]
    shutil.rmtree(folder / "real")
    record = next(line for line in lines if "tags" in line)
    return lines[0], record, next(line for line in lines if line.get("event_name") == "mmlog.run.end")
