"""Writes a run of another logger as this package writes its own: JSON lines, and a journal that can be sent."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from otel_mmlog.converting.foreign import Foreign, Reading
from otel_mmlog.core.attempts import next_attempt, remember
from otel_mmlog.core.own_folders import make_above, make_folder
from otel_mmlog.core.record import LogEvent
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_output import JournalOutput
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.limits import read_limits
from otel_mmlog.otel.names import MetricNames
from otel_mmlog.otel.resource import build_resource
from otel_mmlog.otel.semconv import EVENT_RUN_END, EVENT_RUN_START, RANK, RUN_ATTEMPT, RUN_ID
from otel_mmlog.pipeline.jsonl import JSONRenderer
from otel_mmlog.pipeline.line_file import LineFile
from otel_mmlog.pipeline.rank_files import file_stem

_NO_CAP = 2**62
_LINES = 200
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run goes.

    Attributes:
        work_dir: Its folder.
        environ: The environment, for resource attributes and limits.
        file_mode: Of new files.
    """

    work_dir: Path
    environ: Mapping[str, str]
    file_mode: int


@dataclass
class Written:
    """What came of a run.

    Attributes:
        records: Of the source.
        lines: Other events of the source.
        first_ns: Unix time of the first, in nanoseconds; 0 if there was none.
        last_ns: Unix time of the last.
        refused: Reason -> points and log records that the journal did not take.
    """

    records: int = 0
    lines: int = 0
    first_ns: int = 0
    last_ns: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, event: LogEvent) -> None:
        """Note an event of the source."""
        self.records += event.record is not None
        self.lines += event.record is None
        self.first_ns = min(self.first_ns or event.time_ns, event.time_ns)
        self.last_ns = max(self.last_ns, event.time_ns)


def file_names(foreign: Foreign) -> dict[int, str]:
    """Return the name of the JSON file of each rank of a run."""
    stem = file_stem(foreign.name.replace("/", "_"))
    return {rank: f"{stem}_rank{rank}.jsonl" if rank else f"{stem}.jsonl" for rank in foreign.ranks}


def journal_name(rank: int) -> str:
    """Return the name of the folder of a rank's journal, below ``otlp``."""
    return f"rank{rank:04d}"


def write_run(foreign: Foreign, target: Target, reading: Reading) -> Written:
    """Read a run and write it.

    Raises:
        OSError: A file cannot be read or written.
    """
    written = Written()
    make_above(target.work_dir, target.file_mode)
    for rank, name in file_names(foreign).items():
        _write_rank(foreign, target, rank, target.work_dir / name, reading, written)
    return written


def _write_rank(
    foreign: Foreign, target: Target, rank: int, path: Path, reading: Reading, written: Written
) -> None:
    folder = target.work_dir / "otlp" / journal_name(rank)
    make_folder(folder, target.file_mode, levels=2)
    file = LineFile(path, target.file_mode)
    journal = Journal(folder, settings=JournalSettings(cap_bytes=_NO_CAP, file_mode=target.file_mode))
    attempt: _Attempt | None = None
    try:
        for number, event in foreign.events(rank, reading):
            if attempt is None or attempt.number != number:
                if attempt is not None:
                    attempt.end()
                attempt = _Attempt(foreign, target, rank, number, file, journal)
                attempt.begin(event.time_ns)
            attempt.put(event)
            written.count(event)
        if attempt is not None:
            attempt.end()
    finally:
        journal.close()
        file.close()
    for (_, reason), items in journal.stats().refused.items():
        written.refused[reason] += items


class _Attempt:
    """Writes what one rank said in one attempt, between its first and its last line."""

    def __init__(
        self, foreign: Foreign, target: Target, rank: int, number: int, file: LineFile, journal: Journal
    ) -> None:
        self.number = number
        self._foreign = foreign
        self._file = file
        self._lines: list[str] = []
        self._seq = 0
        self._last_ns = 0
        self._world_size = max(foreign.ranks) + 1
        self._render = JSONRenderer(rank=rank, run_id=foreign.run_id, attempt=number).render
        self._journal = JournalOutput(
            journal, _encoder(foreign, target, rank, number, self._world_size), metrics=True, logs=True
        )
        known = next_attempt(target.work_dir, rank, foreign.run_id, target.file_mode)
        if known <= number:
            remember(target.work_dir, rank, foreign.run_id, target.file_mode)

    def begin(self, time_ns: int) -> None:
        """Write the first line."""
        foreign = self._foreign
        about = {"world_size": self._world_size, "host": foreign.host or _UNKNOWN, "converted": foreign.kind}
        text = f"Run {foreign.run_id}, attempt {self.number}, converted from {foreign.kind}"
        self.put(LogEvent(time_ns, logging.INFO, "otel_mmlog", text, about, EVENT_RUN_START, bare=True))

    def put(self, event: LogEvent) -> None:
        """Write an event."""
        event = replace(event, seq=self._seq)
        self._seq += 1
        self._last_ns = max(self._last_ns, event.time_ns)
        self._journal.write(event)
        self._lines.append(self._render(event))
        if len(self._lines) >= _LINES:
            self._flush()

    def end(self) -> None:
        """Write the last line."""
        text = f"Converted; {self._foreign.kind} does not say how the run ended"
        about = {"status": "finished", "converted": self._foreign.kind}
        self.put(LogEvent(self._last_ns, logging.INFO, "otel_mmlog", text, about, EVENT_RUN_END, bare=True))
        self._journal.end_series(self._last_ns)
        self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._file.append("\n".join(self._lines))
            self._lines.clear()


def _encoder(foreign: Foreign, target: Target, rank: int, attempt: int, world_size: int) -> Encoder:
    resource, _ = build_resource(
        target.environ,
        experiment_name=foreign.name,
        run_id=foreign.run_id,
        attempt=attempt,
        rank=rank,
        local_rank=rank,
        world_size=world_size,
        host=foreign.host or _UNKNOWN,
    )
    return Encoder(
        dict(resource),
        point_attributes={RANK: rank, RUN_ID: foreign.run_id, RUN_ATTEMPT: attempt},
        names=MetricNames(lambda _: None),
        limits=read_limits(target.environ),
    )
