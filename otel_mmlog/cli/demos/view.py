"""What the demo shows: the last lines of each rank, and which file grows by how much."""

import contextlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, OverflowMethod
from rich.panel import Panel
from rich.text import Text

from otel_mmlog.cli.journals import count_waiting
from otel_mmlog.cli.table import table
from otel_mmlog.core.escape import escape
from otel_mmlog.core.shown import counted
from otel_mmlog.runs.reading import last_lines
from otel_mmlog.sender.types import SIGNALS, Signal

_LINES = 5
_HEAD = re.compile(r"^\S+ (\S+) - \S+ - (?:INFO - )?")
_MIDDLE = re.compile(r"(?<=\]) +lr: .* data_time: \S+ +(?=loss)")
_WORDS: dict[Signal, str] = {"metrics": "point", "logs": "log record", "traces": "span"}


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of the run.

    Attributes:
        name: Below the work_dir.
        size_bytes: Of it.
        what: What is in it, in words.
    """

    name: str
    size_bytes: int
    what: str


def last_texts(work_dir: Path, rank: int, count: int = _LINES) -> list[str]:
    """Return the last lines of a rank's text file; none before it is there."""
    path = work_dir / ("demo.log" if rank == 0 else f"demo_rank{rank}.log")
    try:
        lines = list(itertools.islice(last_lines(path), count))
    except OSError:
        return []
    return [escape(line.decode("utf-8", "replace")) for line in reversed(lines)]


def written_files(work_dir: Path) -> list[WrittenFile]:
    """Return the files of a run, and the folders of its journals, with what is in them."""
    found = []
    for path in [*sorted(work_dir.glob("demo*")), *sorted(work_dir.glob("otlp/rank*"))]:
        with contextlib.suppress(OSError):  # one that has just got another name
            name = path.relative_to(work_dir).as_posix()
            found.append(_of_journal(path, name) if path.is_dir() else _of_file(path, name))
    return found


def screen(work_dir: Path, console: Console) -> Group:
    """Return what a terminal shows while the demo runs.

    Args:
        work_dir: Of the run.
        console: The terminal.
    """
    count = max(2, min(_LINES, (console.height - 16) // 2))
    overflow: OverflowMethod = "crop" if console.options.ascii_only else "ellipsis"
    panels = [
        Panel(
            Text("\n".join(map(_short, last_texts(work_dir, rank, count))), no_wrap=True, overflow=overflow),
            title=f"rank {rank}",
            title_align="left",
            height=count + 2,
            border_style=style,
        )
        for rank, style in enumerate(("cyan", "magenta"))
    ]
    return Group(*panels, Text(files_text(work_dir), no_wrap=True, overflow=overflow))


def files_text(work_dir: Path) -> str:
    """Return the files of a run as a table."""
    rows = [(f"{work_dir}/{file.name}", file.size_bytes, file.what) for file in written_files(work_dir)]
    return table(("file", "bytes", ""), *rows)


def _short(line: str) -> str:
    """A line that fits 80 columns: its time, and of a record what was learnt."""
    return _MIDDLE.sub("... ", _HEAD.sub(r"\1 ", line))


def _of_journal(folder: Path, name: str) -> WrittenFile:
    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    counts = count_waiting(folder, SIGNALS)
    what = ", ".join(counted(counts[signal], word) for signal, word in _WORDS.items())
    return WrittenFile(f"{name}/", size_bytes, what)


def _of_file(path: Path, name: str) -> WrittenFile:
    data = path.read_bytes()
    kind = {".log": "text", ".jsonl": "JSON"}.get(path.suffix)
    lines = data.count(b"\n")
    return WrittenFile(name, len(data), f"{counted(lines, 'line')} of {kind}" if kind else "checkpoint")
