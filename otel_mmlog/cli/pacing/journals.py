"""Step times of ranks that have no JSON file, by the points in their journals."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from otel_mmlog.cli.openmetrics.lines import MetricLines
from otel_mmlog.core.own_folders import is_own
from otel_mmlog.runs.step_times import StepTimes

_RANK = re.compile(r"rank(\d{4,})", re.ASCII)
_TIME, _DATA_TIME, _ITER = "mmlog.train.time", "mmlog.train.data_time", "mmlog.train.iter"
_NO_RECORDED_VALUE = 1


def journals_by_rank(work_dir: Path) -> dict[int, Path]:
    """Return the journal of each rank in a work_dir, without those that another user has put there.

    Raises:
        OSError: This user may not look.
    """
    found = [(match, path) for path in work_dir.glob("otlp/rank*") if (match := _RANK.fullmatch(path.name))]
    return {int(match[1]): path for match, path in sorted(found, key=lambda each: each[1]) if is_own(path)}


def read_journal_times(
    folder: Path, rank: int, run_id: str, on_read: Callable[[int], object] = lambda _: None
) -> StepTimes:
    """Return what is left in a journal of a rank's times; what was delivered is not there any more.

    Args:
        folder: The rank's.
        rank: The rank.
        run_id: Points of other runs are left out.
        on_read: Gets the number of bytes of each line read.

    Raises:
        OSError: A file cannot be read.
    """
    found = StepTimes(rank, "journal")
    for request in MetricLines([folder], on_read):
        try:
            for group in request["resourceMetrics"]:
                records = _records(group, run_id)
                if records:
                    found.host = found.host or _text(group["resource"].get("attributes", ()), "host.name")
                for record in records:
                    found.put(*record)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def _records(group: Mapping[str, Any], run_id: str) -> list[tuple[int, float, float]]:
    """Step, time and data time of each moment that has them.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: It is no request of metrics.
    """
    values: dict[str, dict[int, float]] = {_TIME: {}, _DATA_TIME: {}, _ITER: {}}
    for scope in group.get("scopeMetrics", ()):
        for metric in scope.get("metrics", ()):
            if metric["name"] in values:
                values[metric["name"]].update(_points(metric, run_id))
    data_times = values[_DATA_TIME]
    return [
        (int(values[_ITER][at]), seconds, data_times.get(at, 0.0))
        for at, seconds in sorted(values[_TIME].items())
        if at in values[_ITER]
    ]


def _points(metric: Mapping[str, Any], run_id: str) -> Iterator[tuple[int, float]]:
    for point in metric.get("gauge", {}).get("dataPoints", ()):
        if int(point.get("flags", 0)) & _NO_RECORDED_VALUE:
            continue
        if _text(point.get("attributes", ()), "mmlog.run.id") == run_id:
            yield int(point["timeUnixNano"]), float(point.get("asDouble", point.get("asInt", "nan")))


def _text(attributes: Any, key: str) -> str:
    return next((str(each["value"].get("stringValue", "")) for each in attributes if each["key"] == key), "")
