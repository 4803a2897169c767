"""Runs of MMEngine that this package took no part in: what MMEngine itself left in their work_dirs."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from otel_mmlog.runs.dated import time_of
from otel_mmlog.runs.entries import Entry
from otel_mmlog.runs.find import NOT_OURS, parts_of_file
from otel_mmlog.runs.reading import lines_from
from otel_mmlog.runs.series import Series, Splicing, is_number

_STAMP = re.compile(r"\d{8}_\d{6}")
_RANK = re.compile(r"_rank(\d+)$")
_RECORD = re.compile(rb" - INFO - (?:Epoch|Iter)\((?:train\)|(?:val|test)\)(?! .*\] +eta: ))")
"""The lines that have a row of scalars: those inside a val or test loop, which tell an ETA, have none."""

_POSITION = frozenset({"epoch", "iter", "step"})
_OURS_WITHIN_S = 600.0
_MAX_DEPTH = 6


@dataclass(frozen=True)
class MMEngineRun:
    """A folder of one start, as ``Runner`` makes it in its work_dir.

    Attributes:
        name: Name of the work_dir.
        work_dir: The work_dir.
        path: The folder of this start, named after its time; also what stands for a run id.
        began_s: Unix time of the start.
    """

    name: str
    work_dir: Path
    path: Path
    began_s: float

    @property
    def run_id(self) -> str:
        """``20261123_014827``."""
        return self.path.name

    @cached_property
    def logs(self) -> dict[int, Path]:
        """The text file of each rank."""
        found = sorted(self.path.glob("*.log"))
        return {int(match[1]) if (match := _RANK.search(path.stem)) else 0: path for path in found}

    @cached_property
    def scalars(self) -> Path | None:
        """The file with its scalars; None if there is none."""
        folder = self.path / "vis_data"
        found = [folder / "scalars.json", *sorted(folder.glob(f"{self.path.name}*.json"))]
        return next((path for path in found if path.is_file()), None)

    @cached_property
    def config(self) -> Path | None:
        """The file with its config, in Python; None if there is none."""
        found = (self.path / "vis_data" / "config.py", self.work_dir / f"{self.path.name}.py")
        return next((path for path in found if path.is_file()), None)

    def records(self) -> Iterator[Entry]:
        """Yield its records, oldest first; their times are whole seconds, of the lines in its text file.

        Raises:
            OSError: A file cannot be read.
        """
        if self.scalars is None:
            return
        times = self._times()
        last, time_s = (0, 0), self.began_s
        for seq, line in enumerate(lines_from(self.scalars)):
            tags = _tags(line)
            if tags is None:
                continue
            mode = "train" if "iter" in tags else "val"
            if mode == "train":
                last = _count(tags.get("epoch")), _count(tags["iter"])
            time_s = next(times, None) or time_s + _spent_s(tags)
            epoch, iteration = last if any(last) else (0, _count(tags.get("step")))
            values = {name: value for name, value in tags.items() if name not in _POSITION}
            step = _count(tags.get("step"))
            yield Entry(
                time_s, "INFO", "", 0, self.run_id, 0, seq, "", "", mode, epoch, iteration, step, values
            )

    def read_series(self, fits: Callable[[str], bool]) -> dict[str, Series]:
        """Return its scalars by name, such as ``train/loss`` and ``val/accuracy``.

        Args:
            fits: Whether a name is wanted.

        Raises:
            OSError: A file cannot be read.
        """
        splicing = Splicing(fits)
        for entry in self.records():
            splicing.put(entry)
        return splicing.series()

    def _times(self) -> Iterator[float | None]:
        if 0 not in self.logs:
            return
        for line in lines_from(self.logs[0]):
            if _RECORD.search(line):
                yield time_of(line)


def find_mmengine_runs(folder: Path) -> list[MMEngineRun]:
    """Return MMEngine's runs in a folder and below it, oldest first, without those that wrote our files as well.

    Raises:
        OSError: The folder does not exist, or cannot be read.
    """
    found = [run for path in _stamped(folder) if (run := _run_at(path)) is not None]
    ours: dict[Path, list[float]] = {}
    for run in found:
        if run.work_dir not in ours:
            ours[run.work_dir] = _our_starts(run.work_dir)
    theirs = [run for run in found if not _is_ours(run, ours[run.work_dir])]
    return sorted(theirs, key=lambda run: (run.began_s, run.path))


def _stamped(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The folders named after a time."""
    if folder.is_file():
        return
    if depth == 0 and _STAMP.fullmatch(folder.resolve().name):
        yield folder.resolve()
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        if not depth:
            raise
        return
    for path in entries:
        if not path.is_dir() or path.is_symlink() or path.name in NOT_OURS:
            continue
        if _STAMP.fullmatch(path.name):
            yield path
        elif depth < _MAX_DEPTH:
            yield from _stamped(path, depth + 1)


def _run_at(path: Path) -> MMEngineRun | None:
    try:
        moment = datetime.strptime(path.name, "%Y%m%d_%H%M%S")  # noqa: DTZ007 - MMEngine writes local time
        run = MMEngineRun(path.resolve().parent.name, path.parent, path, time.mktime(moment.timetuple()))
    except (ValueError, OverflowError):
        return None
    return run if run.logs or run.scalars is not None else None


def _our_starts(work_dir: Path) -> list[float]:
    files = sorted([*work_dir.glob("*.jsonl"), *work_dir.glob("*_logs/*.jsonl")])
    starts: list[float] = []
    for path in files:
        with contextlib.suppress(OSError):  # of others, who do not let us read
            starts += [part.first.time_s for part in parts_of_file(path)]
    return starts


def _is_ours(run: MMEngineRun, starts: list[float]) -> bool:
    """Whether a run of this package began in the minutes after; building models may take so long."""
    return any(run.began_s - 1 <= start_s <= run.began_s + _OURS_WITHIN_S for start_s in starts)


def _tags(line: bytes) -> dict[str, Any] | None:
    try:
        tags = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return tags if isinstance(tags, dict) else None


def _count(value: Any) -> int:
    return int(value) if is_number(value) and abs(value) < 2**63 else 0


def _spent_s(tags: dict[str, Any]) -> float:
    spent_s = tags.get("time", 0.0)
    return float(spent_s) if is_number(spent_s) and 0 <= spent_s < 1e9 else 0.0
