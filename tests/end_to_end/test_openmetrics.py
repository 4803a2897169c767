"""``otel-mmlog export --openmetrics``: what promtool makes of it is what the real Prometheus takes by OTLP."""

import json
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_mmlog.core.record import RawSeries, Record, Source
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.health import DeliveryHealth, Health
from otel_mmlog.otel.names import MetricNames
from otel_mmlog.otel.official import metrics_json
from otel_mmlog.otel.resource import build_resource
from tests.end_to_end.backends import Prometheus, post_json
from tests.end_to_end.chain import Store, prometheus_store, running
from tests.end_to_end.servers import program
from tests.journals import tags
from tests.otel.telemetry import make_record
from tests.processes import run_python

S_NS = 10**9
CUMULATIVE, DELTA = AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA
SEGMENT = "20260821T025841_123456-9f86d081.0000.jsonl"

Series = dict[str, list[tuple[float, str]]]


def export(work_dir: Path) -> Path:
    """The file that the command writes beside a work_dir."""
    out = work_dir.parent / f"{work_dir.name}.om"
    done = run_python(
        "from otel_mmlog.cli.main import main; import sys; main(sys.argv[1:])",
        *("export", "--openmetrics", work_dir, "-o", out),
    )
    assert done.returncode == 0, done.stderr
    return out


def create_blocks(file: Path, store: Store) -> None:
    """Put the file into the data of a Prometheus that is not running."""
    folder = store.program.folder / "tsdb"
    folder.mkdir(parents=True)
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(file), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def held(prometheus: Prometheus) -> Series:
    """All that a Prometheus holds, but for what it says of itself and of resources: series -> samples."""
    # Of text, unlike of OTLP, Prometheus keeps a whole bound with a point: le="100000.0".
    of_its_own = 'job!="prometheus", __name__!~"target_info|mmlog:.*|ALERTS.*"'
    found = prometheus.query(f'{{__name__=~".+", {of_its_own}}}[10d]')
    return {
        json.dumps(each["metric"], sort_keys=True).replace('.0"', '"'): [
            (float(moment), value) for moment, value in each["values"]
        ]
        for each in found
    }


def post(prometheus: Prometheus, lines: Iterable[bytes]) -> list[int]:
    """Send each line as a request; returns the HTTP statuses."""
    return [post_json(prometheus.endpoint, line) for line in lines]


def journal(work_dir: Path, lines: Iterable[bytes]) -> Path:
    """A work_dir whose one rank's journal is these lines."""
    folder = work_dir / "otlp" / "rank0000"
    folder.mkdir(parents=True)
    (folder / SEGMENT).write_bytes(b"".join(lines))
    return work_dir


def records(now_ns: int) -> list[bytes]:
    """What a rank writes: records, raw values, health, and the ends of all that."""
    resource, _ = build_resource(
        {"OTEL_RESOURCE_ATTRIBUTES": "team=vision,service.namespace=lab,host.name=node-7"},
        experiment_name="exp",
        run_id='run "1"\\',
        attempt=1,
        rank=3,
        local_rank=1,
        world_size=8,
        host="node-7",
    )
    encoder = Encoder(
        resource,
        point_attributes={"rank": 3, "mmlog.run.id": 'run "1"\\', "mmlog.run.attempt": 1},
        names=MetricNames(print),
        clock_ns=lambda: now_ns - 60 * S_NS,
    )
    lines = []
    for step, loss in enumerate([0.5, float("nan"), float("inf"), float("-inf"), 1e-300, 3]):
        record = make_record(
            {
                "loss": loss,
                "lr": 1e-05 * step,
                "iter": step,
                "time": 0.1,
                "memory": 2**40,
                "acc/top1": 0.25,
                "损失": 1.0,
                "total": step,
                "a:b__c total": 1,
            },
            sources={"loss": Source("mean", "epoch")},
        )
        fields = {name: getattr(record, name) for name in ("kind", "progress", "tags", "sources", "text")}
        lines += encoder.metrics_lines(Record(**fields, time_ns=now_ns + step * S_NS + 987_654_321, rank=3))
        lines += encoder.raw_metrics_lines([RawSeries("train/loss", [now_ns + step * S_NS], [0.1 * step])])
        health = Health(
            produced={"metrics": 9 * step, "logs": 2},
            refused={("logs", "cap"): step} if step > 2 else {},
            faults={'the rule for "x\ny"': step},
            journal_bytes=12345,
            delivery=DeliveryHealth(0.25 * step, 17, {"metrics": step}, {"metrics": 0}, {}),
        )
        lines += encoder.health_lines(health, now_ns + step * S_NS)
    end_ns = now_ns + 7 * S_NS
    lines += encoder.stale_lines(end_ns) + encoder.stale_health_lines(end_ns)
    return [line.data for line in lines]


def instruments(now_ns: int) -> list[bytes]:
    """What instruments of the SDK write: units, kinds and attributes of every sort."""
    odd: dict[str, Any] = {
        "a.b": True,
        "a_b": 2,
        "1st": 0.5,
        "_x": 1e21,
        "__y__": 1.0,
        "é": "ü",
        "long__name.": [1, "x<", None],
        "world_size": "its own",
        "job": "mine",
        "empty": "",
        "small": 1e-7,
    }

    def number(value: float, second: int, attributes: dict[str, Any] | None = None) -> NumberDataPoint:
        return NumberDataPoint(attributes or {}, now_ns - S_NS, now_ns + second * S_NS, value)

    def histogram(second: int) -> HistogramDataPoint:
        return HistogramDataPoint(
            {"k": "v"}, now_ns, now_ns + second * S_NS, 6, 12.5, [1, 2, 3], [0.5, 100000.0], 0.1, 9.0
        )

    metrics = [
        Metric("used", "", "1", Gauge([number(0.5, 0, odd), number(0.75, 1, odd)])),
        Metric("system.cpu.utilization", "", "1", Gauge([number(0.5, 0)])),
        Metric("speed", "", "By/s", Gauge([number(1, 0)])),
        Metric("heat", "", "Cel", Gauge([number(1, 0)])),
        Metric("1.power", "", "W", Gauge([number(1, 0)])),
        Metric("odd.unit", "", "{thing}/min", Gauge([number(1, 0)])),
        Metric("own.unit", "", "foo bar", Gauge([number(1, 0)])),
        Metric("bytes.moved.total", "", "By", Sum([number(7, 0), number(9, 1)], CUMULATIVE, True)),
        Metric("queue.length", "", "1", Sum([number(7, 0), number(-9, 1)], CUMULATIVE, False)),
        Metric("wait", "", "s", Histogram([histogram(0), histogram(1)], CUMULATIVE)),
    ]
    scope = ScopeMetrics(InstrumentationScope("user", "1"), metrics, "")
    resource = Resource({"service.name": "other", "service.instance.id": "i-1", "world_size": 4, "rank": 0})
    return [metrics_json(MetricsData([ResourceMetrics(resource, [scope], "")]))]


@pytest.mark.parametrize("lines_of", [records, instruments])
def test_blocks_hold_what_otlp_would_have_brought(tmp_path: Path, lines_of: Any) -> None:
    """Names, labels, times and values in the blocks are those of the same points sent to Prometheus itself."""
    lines = lines_of(time.time_ns() - 60 * S_NS)
    by_otlp, by_blocks = (prometheus_store(tmp_path / name) for name in ("otlp", "blocks"))
    create_blocks(export(journal(tmp_path / "run", lines)), by_blocks)
    with running(by_otlp.program, by_blocks.program):
        assert set(post(by_otlp.prometheus, lines)) == {200}
        expected, found = held(by_otlp.prometheus), held(by_blocks.prometheus)
    assert len(expected) > 10
    assert found == expected


OLD = """
import time
real = time.time_ns
time.time_ns = lambda: real() - 3 * 86_400 * 10**9
import sys
import otel_mmlog
with otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1) as run:
    for epoch in run.epochs(2):
        for value in run.train(range(4)):
            run.log(loss=value / 4)
            time.sleep(0.01)
"""


def test_run_that_is_too_old(tmp_path: Path) -> None:
    """Prometheus refuses by OTLP what is older than its window; as blocks it has every value that the run printed."""
    work_dir = tmp_path / "run"
    assert run_python(OLD, work_dir).returncode == 0
    store = prometheus_store(tmp_path / "store")
    create_blocks(export(work_dir), store)
    (segment,) = work_dir.glob("otlp/*/*.jsonl")
    with running(store.program):
        assert set(post(store.prometheus, records(time.time_ns() - 60 * S_NS)[:1])) == {
            200
        }  # others are live
        too_old = [line for line in segment.read_bytes().splitlines() if b'"mmlog.train.loss"' in line]
        assert set(post(store.prometheus, too_old)) == {400}
        losses = store.prometheus.query('mmlog_train_loss{job="tmp"}[4d]')
        ended = store.prometheus.query(f"mmlog_train_loss @ {time.time() - 3 * 86_400:.0f}")
    ((labels, values),) = [(each["metric"], each["values"]) for each in losses]
    assert [float(value) for _, value in values] == tags(work_dir, "loss")
    assert (labels["rank"], labels["service_name"], labels["method"]) == ("0", "tmp", "mean")
    assert ended
