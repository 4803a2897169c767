"""A comparison as tables for people, and as data for programs."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from otel_mmlog.cli.comparing.metrics import Measured, Metric
from otel_mmlog.cli.showing.rows import number_text
from otel_mmlog.cli.table import table
from otel_mmlog.runs.config import differing, value_text
from otel_mmlog.runs.sources import Source

_MOST_SETTINGS = 40
_BEST = {"max": "highest", "min": "lowest"}


def as_text(pair: Sequence[Source], metrics: Sequence[Metric], width: int | None = None) -> Iterator[str]:
    """Yield tables: the runs, the settings that differ, the metrics; for ``width`` see `table`."""
    yield table(*(("", "run", "folder", "id"), *map(_head, "AB", pair)), width=width)
    names = differing([source.config for source in pair])
    if names:
        yield ""
        rows = [(name, *(value_text(each.config, name) for each in pair)) for name in names[:_MOST_SETTINGS]]
        yield table(("setting", "A", "B"), *rows, width=width)
        if len(names) > _MOST_SETTINGS:
            yield f"... and {len(names) - _MOST_SETTINGS} more that differ: --json has them all"
    if metrics:
        yield ""
        rows_of = [row for metric in metrics for row in _rows(metric)]
        head = ("metric", "", "A", "at", "B", "at", "change", "")
        yield table(head, *rows_of, right=(2, 3, 4, 5, 6), width=width)


def as_data(pair: Sequence[Source], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return all of it as it goes into JSON."""
    names = differing([source.config for source in pair])
    return {
        "is_ok": not any(metric.is_worse for metric in metrics),
        **{side: _run(source) for side, source in zip("ab", pair, strict=True)},
        "config": [
            {"name": name, **{s: o.config.get(name) for s, o in zip("ab", pair, strict=True)}}
            for name in names
        ],
        "metrics": [_metric(metric) for metric in metrics],
    }


def change_text(a: float, b: float) -> str:
    """Return by how much a value changed: ``+1.2%``; the difference itself where it began at 0, or did not change."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return "0"
    if not (math.isfinite(a) and math.isfinite(b)):
        return ""
    return f"{b - a:+.4g}" if a == 0 else f"{(b - a) / abs(a):+.1%}"


def _head(side: str, source: Source) -> tuple[str, ...]:
    return side, source.name, str(source.work_dir), source.run_id[:8]


def _rows(metric: Metric) -> Iterator[tuple[str, ...]]:
    """The best values and the last ones; the verdict stands with those that count."""
    verdict = _verdict(metric)
    a, b = metric.a, metric.b
    best = (*_cell(a.best, a.best_iter), *_cell(b.best, b.best_iter), change_text(a.best, b.best))
    last = (*_cell(a.last, a.last_iter), *_cell(b.last, b.last_iter), change_text(a.last, b.last))
    is_last = metric.how == "last"
    yield (metric.name, _BEST[metric.direction], *best, "" if is_last else verdict)
    yield ("", "last", *last, verdict if is_last else "")
    if a.odd or b.odd:
        yield ("", "NaN or Inf", str(a.odd), "", str(b.odd), "", "", "")


def _verdict(metric: Metric) -> str:
    if not metric.is_checked:
        return ""
    return "worse" if metric.is_worse else "ok"


def _cell(value: float, at: int | None) -> tuple[str, str]:
    return number_text(value), "-" if at is None else str(at)


def _run(source: Source) -> dict[str, Any]:
    return {"name": source.name, "work_dir": str(source.work_dir), "run_id": source.run_id}


def _metric(metric: Metric) -> dict[str, Any]:
    sides = {side: _measured(of) for side, of in (("a", metric.a), ("b", metric.b))}
    return {
        "name": metric.name,
        "direction": metric.direction,
        "by": "last" if metric.how == "last" else "best",
        **sides,
        "is_checked": metric.is_checked,
        "is_worse": metric.is_worse,
    }


def _measured(of: Measured) -> dict[str, Any]:
    return {
        "last": of.last,
        "last_iter": of.last_iter,
        "best": of.best,
        "best_iter": of.best_iter,
        "not_finite": of.odd,
    }
