"""MMEngine's own files: the lines of its text, with the numbers of its ``scalars.json``."""

import itertools
import json
import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from otel_mmlog.converting.foreign import (
    Foreign,
    Reading,
    Told,
    config_event,
    derive_run_id,
    scalar_event,
)
from otel_mmlog.converting.grouping import Grouping
from otel_mmlog.converting.mmengine_line import RecordLine, parse_record_line
from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.runs.dated import Dated, dated
from otel_mmlog.runs.mmengine import MMEngineRun, find_mmengine_runs
from otel_mmlog.runs.python_config import read_python_config
from otel_mmlog.runs.reading import lines_from
from otel_mmlog.runs.series import is_number

KIND = "MMEngine"
_LOGGER = "mmengine"
_BEGIN_BYTES = 4096
_STAMPED = re.compile(r"\d{8}_\d{6}")
_POSITION = frozenset({"epoch", "iter", "step"})


def find_mmengine(source: Path) -> list[Foreign]:
    """Return the runs of MMEngine in a folder, or the one that a ``.log`` or ``.json`` file is of.

    Raises:
        OSError: The folder cannot be read.
    """
    if source.is_file():
        stamped = next((each for each in source.resolve().parents[:2] if _STAMPED.fullmatch(each.name)), None)
        if stamped is None:
            return [_of_file(source)] if source.suffix in (".log", ".json") else []
        source = stamped
    runs = find_mmengine_runs(source)
    starts: dict[Path, int] = {}
    for run in runs:
        starts[run.work_dir] = starts.get(run.work_dir, 0) + 1
    return [_foreign(run, is_only=starts[run.work_dir] == 1) for run in runs]


def _foreign(run: MMEngineRun, *, is_only: bool) -> Foreign:
    files = [*run.logs.values(), *([run.scalars] if run.scalars else [])]

    def events(rank: int, reading: Reading) -> Iterator[Told]:
        path = run.logs.get(rank)
        scalars = run.scalars if rank == 0 else None
        config = run.config if rank == 0 else None
        found = _of_text(path, scalars, reading) if path else _of_scalars(scalars, run.began_s, reading)
        return (Told(0, event) for event in _with_config(found, config))

    return Foreign(
        KIND,
        run.name if is_only else f"{run.name}_{run.run_id}",
        run.path,
        derive_run_id(KIND, files[0], _BEGIN_BYTES),
        tuple(sorted({0, *run.logs})),
        "",
        sum(path.stat().st_size for path in files),
        events,
    )


def _of_file(path: Path) -> Foreign:
    def events(_rank: int, reading: Reading) -> Iterator[Told]:
        is_text = path.suffix == ".log"
        found = _of_text(path, None, reading) if is_text else _of_scalars(path, None, reading)
        return (Told(0, event) for event in found)

    run_id = derive_run_id(KIND, path, _BEGIN_BYTES)
    return Foreign(KIND, path.stem, path.parent, run_id, (0,), "", path.stat().st_size, events)


def _with_config(events: Iterator[LogEvent], path: Path | None) -> Iterator[LogEvent]:
    config = read_python_config(path) if path is not None else {}
    for number, event in enumerate(events):
        if number == 0 and config:
            yield config_event(config, event.time_ns, _LOGGER)
        yield event


def _of_text(path: Path, scalars: Path | None, reading: Reading) -> Iterator[LogEvent]:
    """The log calls of a text file; records with all digits where the rows of scalars have them."""
    rows = _Rows(_rows(scalars, reading))
    last: Progress | None = None
    for time_ns, call in _spread(dated(_counted(path, reading))):
        body = "\n".join(call.lines)
        line = parse_record_line(body)
        if line is None:
            yield LogEvent(time_ns, _level(call.level), call.logger, body)
            continue
        progress = line.progress(last)
        last = progress if line.mode == "train" else last
        yield from rows.before(line, progress, time_ns)
        row = rows.take(line, progress)
        if row is not None and not line.by_epoch:
            progress = replace(progress, iter=_count(row.get("step")))
        record = _record(line, progress, row or line.values, body, time_ns)
        yield scalar_event(record, call.logger)
    yield from rows.rest(time_ns if last is not None else 0)


def _record(
    line: RecordLine, progress: Progress, values: Mapping[str, Any], text: str, time_ns: int
) -> Record:
    tags = {name: value for name, value in values.items() if name not in _POSITION}
    tags |= {"epoch": progress.epoch} if line.by_epoch else {}
    tags |= {"iter": progress.iter}
    if "eta" in line.values:
        tags["eta"] = line.values["eta"]
    return Record("epoch" if line.is_summary else "iter", progress, tags, {}, text, time_ns)


class _Rows:
    """The rows of scalars, each handed out to the line that it belongs to; others are the code's own."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._rows = rows
        self._ahead: deque[dict[str, Any]] = deque(itertools.islice(rows, 1))
        self._grouping = Grouping(_LOGGER)

    def take(self, line: RecordLine, progress: Progress) -> dict[str, Any] | None:
        """Return the row of a line; None if the next one is of another."""
        if self._ahead and _is_of(self._ahead[0], line, progress):
            return self._next()
        return None

    def before(self, line: RecordLine, progress: Progress, time_ns: int) -> Iterator[LogEvent]:
        """Yield as records what user code sent to the visualizer before a line."""
        while self._ahead and "iter" not in self._ahead[0] and not _is_of(self._ahead[0], line, progress):
            if line.mode != "train" and not line.is_summary:
                return
            yield from self._own(self._next(), time_ns)

    def rest(self, time_ns: int) -> Iterator[LogEvent]:
        """Yield what no line was there for."""
        while self._ahead:
            yield from self._own(self._next(), time_ns)

    def _next(self) -> dict[str, Any]:
        row = self._ahead.popleft()
        self._ahead.extend(itertools.islice(self._rows, 1))
        return row

    def _own(self, row: dict[str, Any], time_ns: int) -> Iterator[LogEvent]:
        step = _count(row.get("iter", row.get("step")))
        for name, value in row.items():
            if name not in _POSITION and is_number(value):
                yield from self._grouping.put(name, "train" if "iter" in row else "val", step, time_ns, value)
        yield from self._grouping.flush()


def _is_of(row: Mapping[str, Any], line: RecordLine, progress: Progress) -> bool:
    if line.mode == "train":
        return row.get("iter") == progress.iter
    return line.is_summary and "iter" not in row and line.values.keys() <= row.keys()


def _of_scalars(path: Path | None, began_s: float | None, reading: Reading) -> Iterator[LogEvent]:
    """Rows without a text: the times follow from the times of iterations, up to the last change of the file."""
    if path is None:
        return
    reading.notes.add(f"{path.name} has no times: they follow from those of iterations.")
    total_s = sum(spent for spent, _ in _spent(_rows(path, Reading())))
    time_s = began_s if began_s is not None else path.stat().st_mtime - total_s
    epoch = iteration = 0
    for spent_s, row in _spent(_rows(path, reading)):
        time_s += spent_s
        mode = "train" if "iter" in row else "val"
        if mode == "train":
            epoch, iteration = _count(row.get("epoch")), _count(row["iter"])
        at = iteration or _count(row.get("step"))
        progress = Progress("train" if mode == "train" else "val", bool(epoch), epoch, at, max(at, 1) - 1)
        values = {name: value for name, value in row.items() if name not in _POSITION and is_number(value)}
        line = RecordLine(progress.mode, bool(epoch), epoch, at, None, mode == "val", values)
        text = "  ".join(f"{name}: {value:.4f}" for name, value in values.items())
        unit = f"Epoch({mode}) [{epoch}][{at}/?]" if epoch else f"Iter({mode}) [{at}/?]"
        yield scalar_event(_record(line, progress, values, f"{unit}  {text}", round(time_s * 1e9)), _LOGGER)


def _spent(rows: Iterator[dict[str, Any]]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Each row, and the seconds from the one before to it."""
    last = 0
    for row in rows:
        spent_s = row.get("time", 0.0)
        spent_s = float(spent_s) if is_number(spent_s) and 0 <= spent_s < 1e6 else 0.0
        iteration = _count(row.get("iter"))
        yield spent_s * max(iteration - last, 1), row
        last = max(last, iteration)


def _rows(path: Path | None, reading: Reading) -> Iterator[dict[str, Any]]:
    if path is None:
        return
    for line in _counted(path, reading):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield row
        else:
            reading.left_out[f"lines of {path.name} that are no JSON"] += 1


def _counted(path: Path, reading: Reading) -> Iterator[bytes]:
    for line in lines_from(path):
        reading.advance(len(line) + 1)
        yield line


def _spread(calls: Iterator[Dated]) -> Iterator[tuple[int, Dated]]:
    """Calls with Unix times in nanoseconds: those of one second at even distances, as the file has whole seconds."""
    for time_s, group in itertools.groupby(calls, key=lambda call: call.time_s):
        same = list(group)
        for number, call in enumerate(same):
            yield round(time_s) * 10**9 + number * 10**9 // len(same), call


def _level(name: str) -> int:
    level = logging.getLevelName(name)
    return level if isinstance(level, int) else logging.INFO


def _count(value: Any) -> int:
    return int(value) if is_number(value) and abs(value) < 2**53 else 0
