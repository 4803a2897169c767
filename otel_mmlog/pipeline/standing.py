"""Where a run stands, as one line and as a small HTML table: what a notebook shows of it."""

import html
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otel_mmlog.core.escape import escape
from otel_mmlog.core.line import duration
from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import Record
from otel_mmlog.core.shown import shown

_SHOWN_APART = frozenset(["epoch", "iter", "eta"])
_MAX_VALUES = 20
_CELL = "text-align:left;vertical-align:top"


@dataclass(slots=True)
class Standing:
    """What a run tells of itself while it goes on.

    Attributes:
        name: Of the experiment.
        run_id: One for all ranks and attempts.
        attempt: 0, then 1 after the first restart.
        rank: From 0.
        world_size: Processes of the job.
        files: That this rank writes.
        state: ``running``, ``finished``, ``failed (ValueError)``.
        last: The last record of any loop.
        train: The last record of a train loop.
        metrics: The last summary of a val or test loop.
        values: Mode -> the latest value of each tag: a record need not have all.
        counts: Level -> how many events.
    """

    name: str
    run_id: str
    attempt: int
    rank: int
    world_size: int
    files: tuple[Path, ...]
    state: str = "running"
    last: Record | None = None
    train: Record | None = None
    metrics: Record | None = None
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: Mapping[int, int] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Go on to a record."""
        self.last = record
        mode = record.progress.mode
        if mode == "train":
            self.train = record
        elif record.kind == "epoch":
            self.metrics = record
        else:
            return
        self.values.setdefault(mode, {}).update(record.tags)


def short_line(standing: Standing) -> str:
    """Return ``'digits' 20261122_155643_440714: attempt 0, rank 0 of 2, running, epoch 2/3, iteration 65/135``."""
    parts = [
        f"attempt {standing.attempt}",
        f"rank {standing.rank} of {standing.world_size}",
        standing.state,
        *_position(standing),
    ]
    return escape(f"{standing.name!r} {standing.run_id}: {', '.join(parts)}")


def text_block(standing: Standing) -> str:
    """Return the table's content as one line, for what shows no HTML."""
    return escape("; ".join(f"{name}: {value}" for name, value in _rows(standing)))


def html_block(standing: Standing) -> str:
    """Return a table of a run; whatever comes from the run is escaped."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{_safe(name)}</th><td style="{_CELL}">{_bar(name, standing)}{_safe(value)}</td></tr>'
        for name, value in _rows(standing)
    )
    return f"<table>{rows}</table>"


def done(standing: Standing) -> float | None:
    """The part of the training that is behind it, from 0 to 1: of its loader where no other end is known, or None."""
    if standing.train is None:
        return None
    at = standing.train.progress
    total = _iterations(at)
    if total:
        return min(at.iter / total, 1.0)
    if at.max_epochs:
        return min(max(at.epoch - 1, 0) / at.max_epochs, 1.0)
    return min((at.batch_idx + 1) / at.loader_len, 1.0) if at.loader_len else None


def _rows(standing: Standing) -> Iterator[tuple[str, str]]:
    where = f"attempt {standing.attempt}, rank {standing.rank} of {standing.world_size}"
    yield "run", f"{standing.name}  {standing.run_id}  {where}"
    yield "state", standing.state
    if standing.last is not None:
        yield "position", ", ".join(_position(standing))
    if standing.train is not None:
        yield "train", _values(standing.values["train"])
    if standing.metrics is not None:
        mode = standing.metrics.progress.mode
        yield mode, _values(standing.values[mode])
    yield "lines", _counts(standing.counts)
    yield "files", " ".join(str(path) for path in standing.files) or "none on this rank"


def _position(standing: Standing) -> Iterator[str]:
    if standing.last is None:
        return
    at = (standing.train or standing.last).progress
    if at.by_epoch and at.epoch:
        yield f"epoch {_of(at.epoch, at.max_epochs)}"
    if at.iter:
        yield f"iteration {_of(at.iter, _iterations(at))}"
    if _iterations(at) is None and at.loader_len:
        yield f"batch {_of(at.batch_idx + 1, at.loader_len)}"
    now = standing.last.progress
    if now.mode != "train" and standing.last.kind == "iter":
        yield f"{now.mode} {_of(now.batch_idx + 1, now.loader_len)}"
    if standing.state != "running":
        return
    if now.eta_s is not None and now.mode != at.mode:
        yield f"eta {duration(now.eta_s)} of {now.mode}"
    elif at.eta_s is not None:
        yield f"eta {duration(at.eta_s)}"


def _iterations(at: Progress) -> int | None:
    """Iterations of the whole training, or None if unknown."""
    if at.max_iters is not None:
        return at.max_iters
    if at.mode == "train" and at.by_epoch and at.max_epochs and at.loader_len:
        return at.max_epochs * at.loader_len
    return None


def _of(number: int, total: int | None) -> str:
    return str(number) if total is None else f"{number}/{total}"


def _values(tags: Mapping[str, Any]) -> str:
    items = [f"{name} {_value(value)}" for name, value in tags.items() if name not in _SHOWN_APART]
    more = f"  and {len(items) - _MAX_VALUES} more" if len(items) > _MAX_VALUES else ""
    return "  ".join(items[:_MAX_VALUES]) + more


def _value(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else shown(value)


def _counts(counts: Mapping[int, int]) -> str:
    warnings = counts.get(logging.WARNING, 0)
    errors = sum(number for level, number in list(counts.items()) if level >= logging.ERROR)
    return f"{warnings} WARNING, {errors} ERROR"


def _bar(name: str, standing: Standing) -> str:
    part = done(standing) if name == "position" else None
    return "" if part is None else f'<progress max="1" value="{part:.4f}"></progress> '


def _safe(text: str) -> str:
    return html.escape(escape(text)).replace("  ", " &nbsp;")
