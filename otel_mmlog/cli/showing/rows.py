"""A table of runs, and the same as JSON."""

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from otel_mmlog.cli.colors import is_colored
from otel_mmlog.cli.showing.summary import Summary
from otel_mmlog.cli.shown import listed, shown_age, shown_bytes
from otel_mmlog.cli.table import LEAST_CHARS, table, width_of
from otel_mmlog.core.statistics import nearest
from otel_mmlog.otel.semconv import RESERVED_TAGS
from otel_mmlog.runs.entries import full_name
from otel_mmlog.runs.series import wanted

_COLORS = {
    "running": "cyan",
    "finished": "green",
    "stalled": "yellow",
    "failed": "red",
    "killed": "red",
    "NaN": "red",
    "inf": "red",
    "-inf": "red",
}
_ID_CHARS = 8
_STAMP = re.compile(r"\d{8}_\d{6}")
_TEXT_COLUMNS = ("run", "id", "state")
_DULL = {"ranks": "1", "attempts": "1", "epoch": "-", "best": "-", "loss": "-", "backlog": "-"}
_LOOPS, _METRICS = "the metrics' loops", "the metrics' names"
_SPARED = (_LOOPS, "attempts", "ranks", _METRICS, "epoch")


def runs_table(
    summaries: Sequence[Summary],
    backlogs: Sequence[int | None],
    folder: Path,
    now_s: float,
    width: int | None,
) -> tuple[str, str]:
    """Return a row a run, and what is to be said of it or nothing.

    Columns in which all are alike, and nothing is to be seen, are left out; in narrow terminals more of them.

    Args:
        summaries: Of the runs.
        backlogs: What waits to be sent, of each; None where that is told of another one.
        folder: To which paths are relative.
        now_s: Unix time.
        width: See `table`.
    """
    pairs = zip(summaries, backlogs, strict=True)
    rows = [_row(summary, backlog, folder, now_s) for summary, backlog in pairs]
    columns = [name for name in rows[0] if any(row[name] != _DULL.get(name) for row in rows)]
    metrics = {summary.best.name for summary in summaries if summary.best is not None}
    if len(metrics) > 1:
        for row, summary in zip(rows, summaries, strict=True):
            if summary.best is not None:
                row["best"] = f"{summary.best.name} {row['best']}"
    left_out = _narrow(rows, columns, width)
    right = [index for index, name in enumerate(columns) if name not in _TEXT_COLUMNS]
    cells = [[row[name] for name in columns] for row in rows]
    text = table(columns, *cells, right=right, style=cell_style(columns), width=width)
    remarks = [
        _legend(summaries),
        f"too narrow for {', '.join(left_out)}: --json has all" if left_out else "",
    ]
    return text, "; ".join(filter(None, remarks))


def _narrow(rows: Sequence[dict[str, str]], columns: list[str], width: int | None) -> list[str]:
    """Take away what matters least until a table is as wide as it may be; returns what is to be told of it."""
    left_out: list[str] = []
    if width is None:
        return left_out
    for what in _SPARED:
        cells = [[row[name] for name in columns] for row in rows]
        if width_of(columns, *cells, most=width if what == _LOOPS else LEAST_CHARS) <= width:
            break
        if what in columns:
            columns.remove(what)
            left_out.append(what)
        elif what in (_LOOPS, _METRICS) and any(" " in row["best"] for row in rows):
            for row in rows:
                name, _, value = row["best"].rpartition(" ")
                row["best"] = f"{name.partition('/')[2]} {value}".strip() if what == _LOOPS else value
            left_out += [what] if what == _METRICS else []
    return left_out


def cell_style(columns: Sequence[str]) -> Any:
    """Return what colours states and numbers that are none, on a terminal; else None."""
    if not is_colored(sys.stdout):
        return None

    def style(column: int, text: str) -> str:
        color = _COLORS.get(text.strip())
        if color is not None:
            return click.style(text, fg=color)
        return click.style(text, dim=True) if columns[column] == "id" else text

    return style


def _legend(summaries: Sequence[Summary]) -> str:
    """Return what ``best`` means; empty where each row says it, or there is none."""
    found = {(best.direction, best.name) for summary in summaries if (best := summary.best) is not None}
    if len(found) != 1:
        return ""
    direction, name = found.pop()
    return f"best: the {'highest' if direction == 'max' else 'lowest'} {name}"


def not_there(metric: str | None, summaries: Sequence[Summary]) -> str:
    """Return that no run has a best value of the metric that was asked for, and why; empty if one has it."""
    if metric is None or any(summary.best is not None for summary in summaries):
        return ""
    records = [summary.record for summary in summaries if summary.record is not None]
    names = {full_name(record.mode, tag) for record in records for tag in record.tags}
    names.update(name for summary in summaries for state in summary.states for name in state.values)
    found = sorted(filter(wanted([metric]), names))
    if found:
        return f"{listed(found)} has no finite value."
    own = {name for name in names if name.rpartition("/")[2] in RESERVED_TAGS}
    near = nearest(metric, names - own)
    there = (
        f"the nearest is {near[0]}" if near else f"there are {listed(sorted(names - own)) or 'no scalars'}"
    )
    return f"No run has {metric}: {there}."


def as_data(summary: Summary, backlog: int | None, now_s: float) -> dict[str, Any]:
    """Return a summary as plain values: times in seconds, sizes in bytes."""
    record, best = summary.record, summary.best
    return {
        "name": summary.name,
        "run_id": summary.run_id,
        "work_dir": str(summary.run.work_dir),
        "state": summary.state,
        "attempts": summary.attempts,
        "ranks": summary.ranks,
        "world_size": summary.world_size,
        "epoch": record.epoch if record is not None else None,
        "iter": record.iter if record is not None else None,
        "loss": {"name": summary.loss[0], "value": summary.loss[1]} if summary.loss is not None else None,
        "best": None
        if best is None
        else {
            "name": best.name,
            "value": best.value,
            "direction": best.direction,
            "epoch": best.epoch,
            "iter": best.iter,
        },
        "began_s": summary.began_s,
        "last_s": summary.last_s,
        "age_s": now_s - summary.last_s,
        "backlog_bytes": backlog,
    }


def number_text(value: Any) -> str:
    """Return a value as four digits say it: ``0.2322``, ``1.2e-05``, ``NaN``."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def shown_path(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder."""
    try:
        return str(path.resolve().relative_to(folder.resolve()))
    except ValueError:
        return str(path)


def short_id(run_id: str) -> str:
    """Return the beginning of an id; of MMEngine's times, month, day, hour and minute."""
    return run_id[4:13] if _STAMP.fullmatch(run_id) else run_id[:_ID_CHARS]


def shown_ranks(summary: Summary) -> str:
    """Return ``2``, or ``1/2`` where only one of two wrote files."""
    is_part = summary.world_size > summary.ranks
    return f"{summary.ranks}/{summary.world_size}" if is_part else str(summary.ranks)


def _row(summary: Summary, backlog: int | None, folder: Path, now_s: float) -> dict[str, str]:
    path = shown_path(summary.run.work_dir, folder)
    is_named = path.rpartition("/")[2] != summary.name
    name = summary.name if path == "." else f"{path}/{summary.name}" if is_named else path
    record, best = summary.record, summary.best
    return {
        "run": name,
        "id": short_id(summary.run_id),
        "state": summary.state,
        "ranks": shown_ranks(summary),
        "attempts": str(summary.attempts),
        "epoch": str(record.epoch) if record is not None and record.epoch else "-",
        "iter": str(record.iter) if record is not None else "-",
        "loss": number_text(summary.loss[1]) if summary.loss is not None else "-",
        "best": number_text(best.value) if best is not None else "-",
        "age": shown_age(now_s - summary.last_s),
        "backlog": shown_bytes(backlog) if backlog else "-",
    }
