"""Which runs there are below a folder: by what each start wrote into its rank's file."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from otel_mmlog.runs.entries import Entry, parse_entry
from otel_mmlog.runs.reading import first_where, last_lines, line_at, lines_from

NOT_OURS = frozenset({"otlp", ".mmlog", ".git", "node_modules", ".venv", "__pycache__"})
MAX_DEPTH = 6
"""How far below the folder that a user names runs are looked for."""


@dataclass(frozen=True)
class Part:
    """What one start of one rank wrote: a range of a file.

    Attributes:
        path: The JSON file.
        start: Offset of its first line.
        stop: Offset behind its last line; None for the end of the file, which may still grow.
        first: Its first entry.
    """

    path: Path
    start: int
    stop: int | None
    first: Entry

    def lines(self) -> Iterator[bytes]:
        """Yield its lines.

        Raises:
            OSError: The file cannot be read.
        """
        return lines_from(self.path, self.start, self.stop)


@dataclass(frozen=True)
class Run:
    """All that was written under one run id below one folder.

    Attributes:
        run_id: Its id.
        name: Of its files: the experiment's.
        work_dir: Folder of its files.
        parts: By rank and attempt.
    """

    run_id: str
    name: str
    work_dir: Path
    parts: list[Part] = field(default_factory=list)

    @cached_property
    def ranks(self) -> list[int]:
        """Who has written files, in order."""
        return sorted({part.first.rank for part in self.parts})

    @cached_property
    def attempts(self) -> list[int]:
        """The attempts that have written something, in order."""
        return sorted({part.first.attempt for part in self.parts})

    @cached_property
    def began_s(self) -> float:
        """Unix time of its first line."""
        return min(part.first.time_s for part in self.parts)

    def parts_of(self, rank: int) -> list[Part]:
        """What a rank wrote, oldest first."""
        mine = [part for part in self.parts if part.first.rank == rank]
        return sorted(mine, key=lambda part: (part.first.attempt, part.first.time_s))


def find_runs(folder: Path, left_out: list[Path] | None = None) -> list[Run]:
    """Return the runs in a folder and below it, oldest first; a file stands for the runs in it.

    Args:
        folder: The folder, or a file.
        left_out: Gets what is below it and cannot be read.

    Raises:
        OSError: It does not exist, or cannot be read itself.
    """
    runs: dict[tuple[str, Path], Run] = {}
    left_out = [] if left_out is None else left_out
    for path in json_files(folder, left_out):
        try:
            parts = parts_of_file(path)
        except OSError:
            if path == folder:
                raise
            left_out.append(path)
            continue
        for part in parts:
            work_dir = path.parent
            if work_dir.name.endswith("_logs") and any(
                run.name + "_logs" == work_dir.name for run in runs.values()
            ):
                work_dir = work_dir.parent
            rank = part.first.rank
            name = path.stem.removesuffix(f"_rank{rank}") if rank else path.stem
            key = part.first.run_id, work_dir
            runs.setdefault(key, Run(part.first.run_id, name, work_dir)).parts.append(part)
    return sorted(runs.values(), key=lambda run: run.began_s)


def parts_of_file(path: Path) -> list[Part]:
    """Return the starts that wrote into a JSON file, oldest first; empty for a file that no run wrote.

    Raises:
        OSError: It cannot be read.
    """
    found = list(_starts(path))
    stops = [start for start, _ in found[1:]]
    return [Part(path, start, stop, first) for (start, first), stop in itertools.zip_longest(found, stops)]


def _starts(path: Path) -> Iterator[tuple[int, Entry]]:
    with path.open("rb") as file:
        first = parse_entry(line_at(file, 0)[1])
    if first is None:
        return
    yield 0, first
    last = next(filter(None, map(parse_entry, last_lines(path))), first)
    at, entry = 0, first
    while _start_of(entry) != _start_of(last):
        at, line = first_where(path, at, None, _is_of_other(entry))
        other = parse_entry(line)
        if other is None:
            return
        entry = other
        yield at, entry


def _start_of(entry: Entry) -> tuple[str, int]:
    """What the lines of one start of a rank have in common; no other start writes between them."""
    return entry.run_id, entry.attempt


def _is_of_other(entry: Entry) -> Callable[[bytes], bool | None]:
    def is_of_other(line: bytes) -> bool | None:
        other = parse_entry(line)
        return None if other is None else _start_of(other) != _start_of(entry)

    return is_of_other


def json_files(folder: Path, left_out: list[Path], depth: int = 0) -> Iterator[Path]:
    """Yield the files below a folder that may be a run's, those of a folder before those of the folders in it.

    Args:
        folder: The folder, or a file.
        left_out: Gets folders below it that cannot be read.
        depth: How far below the folder that was asked for.

    Raises:
        OSError: The folder that was asked for cannot be read.
    """
    if folder.is_file():
        yield folder
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name))
    except OSError:
        if not depth:
            raise
        left_out.append(folder)
        return
    for path in entries:
        if path.suffix == ".jsonl" and path.is_file():
            yield path
        elif path.is_dir() and not path.is_symlink() and path.name not in NOT_OURS and depth < MAX_DEPTH:
            yield from json_files(path, left_out, depth + 1)
