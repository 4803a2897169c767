"""What a run's settings do to what it sends: items and bytes of a rank's journal for the same training."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import otel_mmlog
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.names import MetricNames
from tests.benchmarks.delivery import variables
from tests.benchmarks.fleet_ranks import SpeakingRank
from tests.benchmarks.scalars import EIGHT, varied_steps
from tests.benchmarks.table import Row, figure

NAME = "knobs"
_ROOT = Path(__file__).parents[2]
_STEPS = 1000
_KIB = 1024
_LISTS = {"metrics": "resourceMetrics", "logs": "resourceLogs", "spans": "resourceSpans"}


@dataclass(frozen=True, slots=True)
class Sent:
    """What lies in a journal.

    Attributes:
        items: Points, log records and spans, by ``metrics``, ``logs`` and ``spans``.
        size_bytes: Of the lines, by the same.
        gzip_bytes: Of all of them together, compressed.
    """

    items: Mapping[str, int]
    size_bytes: Mapping[str, int]
    gzip_bytes: int


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    steps = 100 if quick else _STEPS
    ways: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "interval=10": ({"interval": 10}, {}),
        "interval=50": ({"interval": 50}, {}),
        "interval=10, steps='every'": ({"interval": 10, "steps": "every"}, {}),
        "interval=10, OTEL_LOGS_EXPORTER=none": ({"interval": 10}, {"OTEL_LOGS_EXPORTER": "none"}),
        "interval=10, OTEL_METRICS_EXPORTER=none": ({"interval": 10}, {"OTEL_METRICS_EXPORTER": "none"}),
    }
    for name, (options, environ) in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            sent = _train(Path(folder), steps, options, environ)
        yield from _sent_rows(f"{steps} steps of 8 scalars, {name}", sent)
    for level in ("INFO",) if quick else ("INFO", "DEBUG"):
        with tempfile.TemporaryDirectory() as folder:
            yield from _sent_rows(f"MMEngine's tutorial, {level}", _train_mmengine(Path(folder), level))
    yield from _attribute_rows()


def _sent_rows(what: str, sent: Sent) -> Iterator[Row]:
    for kind, count in sent.items.items():
        yield figure(NAME, f"{what}: {kind}", [count], unit="items")
    yield figure(NAME, f"{what}: JSON", [sum(sent.size_bytes.values()) / _KIB], unit="KiB")
    yield figure(NAME, f"{what}: gzip", [sent.gzip_bytes / _KIB], unit="KiB")


def _train(folder: Path, steps: int, options: Mapping[str, Any], environ: Mapping[str, str]) -> Sent:
    values = varied_steps(list(EIGHT))
    with (
        variables(environ),
        otel_mmlog.init("knobs", work_dir=folder, console=False, **options) as run,
    ):
        for step in run.train(range(steps)):
            run.log(values[step % len(values)])
    return _sent(folder)


def _train_mmengine(folder: Path, level: str) -> Sent:
    program = [
        str(_ROOT / "examples" / "mmengine_toy.py"),
        "--work-dir",
        str(folder),
        "--log-level",
        level.lower(),
    ]
    subprocess.run(
        [sys.executable, *program],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return _sent(folder)


def _sent(folder: Path) -> Sent:
    lines = [line for path in sorted(folder.rglob("rank0000/*.jsonl")) for line in path.open("rb")]
    by_kind = {
        kind: [line for line in lines if line.startswith(f'{{"{name}'.encode())]
        for kind, name in _LISTS.items()
    }
    return Sent(
        {kind: sum(_count(json.loads(line)) for line in some) for kind, some in by_kind.items()},
        {kind: sum(map(len, some)) for kind, some in by_kind.items()},
        len(gzip.compress(b"".join(lines), 6)),
    )


def _count(request: Any) -> int:
    """How many points, records or spans are in a request."""
    if isinstance(request, list):
        return sum(map(_count, request))
    if not isinstance(request, dict):
        return 0
    ends = ("dataPoints", "logRecords", "spans")
    return sum(
        len(inner) if key in ends else _count(inner) for key, inner in request.items() if key != "resource"
    )


def _attribute_rows() -> Iterator[Row]:
    """What a point's bytes are, by what tells of its process."""
    names = MetricNames(print)
    rank = SpeakingRank(7, 10_000, names)
    bare = Encoder({}, point_attributes={}, names=names)
    unlabelled = Encoder(rank.resource, point_attributes={}, names=names)
    record = rank.record(10, 10**18)
    for what, encoder in (
        ("as it is", rank.encoder),
        ("without rank and run on points", unlabelled),
        ("without these and the resource", bare),
    ):
        lines = encoder.metrics_lines(record)
        data, points = b"".join(line.data for line in lines), sum(line.items for line in lines)
        yield figure(NAME, f"a record of 8 points, {what}: JSON a point", [len(data) / points], unit="bytes")
        packed = len(gzip.compress(data, 6)) / points
        yield figure(NAME, f"a record of 8 points, {what}: gzip a point", [packed], unit="bytes")
