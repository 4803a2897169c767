"""A run that another logger wrote, as the writer takes it: who it is, and a stream of its events."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.otel.semconv import EVENT_RUN_CONFIG, record_event


class Told(NamedTuple):
    """An event of a run, and the attempt that it belongs to."""

    attempt: int
    event: LogEvent


@dataclass
class Reading:
    """What happens while a run is read.

    Attributes:
        advance: Called with the number of bytes that were read.
        left_out: What cannot be taken -> how often it occurred: ``images``.
        notes: Sentences on what the source does not say.
    """

    advance: Callable[[int], object] = lambda _: None
    left_out: Counter[str] = field(default_factory=Counter)
    notes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Foreign:
    """A run of another logger.

    Attributes:
        kind: Who wrote it: ``TensorBoard``.
        name: Of the experiment; may hold slashes.
        folder: Where its files are.
        run_id: Follows from the source, so that the same source gives the same id.
        ranks: Who has written something.
        host: Where it ran; empty if the source does not say.
        size_bytes: Of its files.
        events: Takes a rank, and what happens meanwhile; yields the events, oldest first, without ``seq``.
    """

    kind: str
    name: str
    folder: Path
    run_id: str
    ranks: tuple[int, ...]
    host: str
    size_bytes: int
    events: Callable[[int, Reading], Iterator[Told]] = field(repr=False)


def derive_run_id(kind: str, path: Path, size_bytes: int) -> str:
    """Return 16 hex digits that follow from the names of a file and of its folder, and from how it begins.

    Args:
        kind: Who wrote the file.
        path: The oldest file of the run.
        size_bytes: How much of its begin counts; a file that still grows has to have so much.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(size_bytes).partition(b"\n")[0]
    names = f"{kind}\0{path.resolve().parent.name}\0{path.name}\0".encode("utf-8", "surrogateescape")
    return hashlib.sha256(names + begin).hexdigest()[:16]


def scalar_event(record: Record, logger: str) -> LogEvent:
    """Return the event of a record."""
    name = record_event(record.progress.mode, record.kind)
    return LogEvent(record.time_ns, logging.INFO, logger, record.text, event_name=name, record=record)


def config_event(config: Mapping[str, Any], time_ns: int, logger: str) -> LogEvent:
    """Return the event with a run's settings."""
    return LogEvent(time_ns, logging.INFO, logger, "Config", {"config": config}, EVENT_RUN_CONFIG)


def position(mode: Mode, step: int, *, epoch: int = 0) -> Progress:
    """Return where a loop stands of which only the step is known."""
    return Progress(mode, by_epoch=False, epoch=epoch, iter=step, batch_idx=max(step, 1) - 1, in_loop=False)
