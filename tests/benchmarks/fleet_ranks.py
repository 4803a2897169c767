"""Ranks of a large job: what each of them tells at each interval, by the encoder that a run has."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import Record, Source
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.health import DeliveryHealth, Health
from otel_mmlog.otel.lines import EncodedLine, Signal
from otel_mmlog.otel.names import MetricNames
from otel_mmlog.otel.prometheus import (
    Kind,
    label_value,
    metric_name,
    point_labels,
    resource_labels,
    series_labels,
)
from otel_mmlog.otel.resource import build_resource
from otel_mmlog.otel.semconv import RANK, RUN_ATTEMPT, RUN_ID

RUN = "3f1c9a52-8d0e-4c57-9b1e-5a6f0c2d7e84"
EXPERIMENT = "fleet"
A_MACHINE = 8
"""Ranks of a machine: as many as it has GPUs."""
STEPS = 20
"""Iterations from one record to the next."""
EPOCH = 5000
"""Iterations of an epoch."""

_MEAN = Source("mean", "20")
_SOURCES = {"time": _MEAN, "data_time": _MEAN, "loss": _MEAN}
_SIGNALS: tuple[Signal, ...] = ("metrics", "logs", "traces")
_NONE = dict.fromkeys(_SIGNALS, 0)
_POINTS = 23
_LABELS = "OTEL_RESOURCE_ATTRIBUTES"
_INJECTED = "deployment.environment=training,k8s.cluster.name=cluster-1,k8s.namespace.name=vision"
"""What an operator or a platform adds to the resource of a run."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One point as Prometheus keeps it.

    Attributes:
        labels: Of the series, its name among them, sorted by name.
        value: The number.
        is_whole: Whether it counts something.
    """

    labels: tuple[tuple[str, str], ...]
    value: float
    is_whole: bool


class SpeakingRank:
    """One rank: eight tags and its health, at each interval.

    Args:
        rank: Which of them.
        world_size: How many there are.
        names: Of the metrics; the same for all ranks.

    Attributes:
        resource: The attributes of its process.
        encoder: What it speaks by.
    """

    def __init__(self, rank: int, world_size: int, names: MetricNames) -> None:
        self.resource = build_resource(
            {_LABELS: _INJECTED},
            experiment_name=EXPERIMENT,
            run_id=RUN,
            attempt=0,
            rank=rank,
            local_rank=rank % A_MACHINE,
            world_size=world_size,
            host=f"node-{rank // A_MACHINE:05}.cluster-1.example.org",
        )[0]
        point_attributes = {RANK: rank, RUN_ID: RUN, RUN_ATTEMPT: 0}
        self.encoder = Encoder(self.resource, point_attributes=point_attributes, names=names)
        self._rank = rank
        self._random = random.Random(rank)

    def lines(self, interval: int, time_ns: int) -> list[EncodedLine]:
        """What it tells at the end of an interval, by Unix time in nanoseconds: 23 points in two lines."""
        return [
            *self.encoder.metrics_lines(self.record(interval, time_ns)),
            *self.encoder.health_lines(self._health(interval), time_ns),
        ]

    def record(self, interval: int, time_ns: int) -> Record:
        """Its eight tags at the end of an interval."""
        noise = self._random.random()
        step_s = (
            0.5 + 0.02 * noise + (0.2 if self._rank == 7 else 0.0)
        )  # one is slow: tables have something to show
        iteration = STEPS * (interval + 1)
        tags = {
            "lr": 0.01,
            "eta": step_s * (90_000 - iteration),
            "time": step_s,
            "data_time": 0.05 * self._random.random(),
            "loss": 2 / (1 + iteration / 1000) + 0.1 * self._random.random(),
            "memory": 31_000 + int(100 * noise),
            "epoch": iteration // EPOCH + 1,
            "iter": iteration,
        }
        progress = Progress("train", True, iteration // EPOCH + 1, iteration, iteration % EPOCH)
        return Record("iter", progress, tags, _SOURCES, "", time_ns, self._rank)

    def _health(self, interval: int) -> Health:
        told = {"metrics": _POINTS * interval, "logs": interval, "traces": interval // 100}
        produced = {signal: told[signal] + 1 for signal in _SIGNALS}
        lag_s = 0.5 + self._random.random()
        delivery = DeliveryHealth(lag_s, 14_000, {s: told[s] for s in _SIGNALS}, _NONE, _NONE)
        return Health(produced, {}, {}, 4_000_000 + 14_000 * (interval % 100), delivery)


def samples(line: EncodedLine) -> Iterator[Sample]:
    """Yield the points of a line under the names and labels that Prometheus gives them."""
    for group in json.loads(line.data)["resourceMetrics"]:
        resource = resource_labels(_texts(group["resource"]["attributes"]))
        for metric in (metric for scope in group["scopeMetrics"] for metric in scope["metrics"]):
            kind: Kind = "counter" if "sum" in metric else "gauge"
            name = metric_name(metric["name"], metric.get("unit", ""), kind)
            for point in metric.get("sum", metric.get("gauge"))["dataPoints"]:
                labels = series_labels(resource, point_labels(_texts(point["attributes"])))
                is_whole = "asInt" in point
                value = float(point["asInt"] if is_whole else point["asDouble"])
                yield Sample(tuple(sorted({**labels, "__name__": name}.items())), value, is_whole)


def _texts(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {each["key"]: label_value(each["value"]) for each in attributes}
