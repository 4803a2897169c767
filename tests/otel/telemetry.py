"""Records, encoders and readers of OTLP JSON for the tests of this folder."""

import json
from collections.abc import Mapping
from typing import Any

from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import LogEvent, Record, Source
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.limits import Limits
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.names import MetricNames

RESOURCE: dict[str, Any] = {"service.name": "exp", "rank": 3}
POINT: dict[str, Any] = {"rank": 3, "mmlog.run.id": "run", "mmlog.run.attempt": 1}
NOW_NS = 1_700_000_000_123_456_789


def ignore(_message: str) -> None:
    """Take a warning that the test does not look at."""


def make_encoder(**options: Any) -> Encoder:
    """Return an encoder with a clock that stands still."""
    options = dict[str, Any](
        {"point_attributes": POINT, "names": MetricNames(ignore), "clock_ns": lambda: NOW_NS} | options
    )
    return Encoder(options.pop("resource", RESOURCE), **options)


def make_record(
    tags: Mapping[str, Any], mode: Mode = "train", sources: Mapping[str, Source] | None = None
) -> Record:
    """Return a record at iteration 25."""
    progress = Progress(mode, True, 2, 25, 9, 15, 3, 45)
    return Record(
        "iter" if mode == "train" else "epoch", progress, tags, sources or {}, "the line", NOW_NS, 3
    )


def make_event(**fields: Any) -> LogEvent:
    """Return a log call at INFO."""
    defaults: dict[str, Any] = {"time_ns": NOW_NS, "level": 20, "logger": "app", "body": "hello"}
    return LogEvent(**defaults | fields)


def only_item(line: EncodedLine) -> dict[str, Any]:
    """Return the one metric, log record or span of a line."""
    (item,) = all_items([line])
    return item


def all_items(lines: list[EncodedLine]) -> list[dict[str, Any]]:
    """Return the metrics, log records or spans of lines; fails for what is not one strict JSON line each."""
    return [item for line in lines for item in _items(line)]


def attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's attributes as key -> the only value of its AnyValue, or None for an empty one."""
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in item.get("attributes", [])}


def _items(line: EncodedLine) -> list[dict[str, Any]]:
    if not line.data.endswith(b"\n") or line.data.count(b"\n") != 1:
        raise AssertionError(f"not one line: {line.data!r}")
    request = json.loads(line.data.decode("utf-8"), parse_constant=_refuse)
    (resource,) = next(iter(request.values()))
    (scope,) = next(value for key, value in resource.items() if key.startswith("scope"))
    return list(next(value for key, value in scope.items() if key != "scope"))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not strict JSON")


TINY = Limits(line_bytes=4096)
