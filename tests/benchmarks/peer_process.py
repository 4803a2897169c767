"""One way to log a training, timed in a process of its own: ``peer_process NAME FOLDER STEPS``.

Each gets eight scalars a step and writes them every `INTERVAL` steps, as its users have it do. What has windows (we,
MMEngine) writes means over them, the others the latest values. Prints one line of JSON.
"""

import importlib.metadata
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

from tests.benchmarks.scalars import EIGHT, varied_steps

INTERVAL = 10
WARM_STEPS = 100
MAX_STEPS = 10_000_000
Step = Callable[[Mapping[str, float]], None]
Peer = Callable[[Path], Iterator[Step]]
"""Yields the function of a step, once, and closes what it opened when it is gone on with."""


def otel_mmlog(folder: Path, steps: Literal["records", "every"] = "records") -> Iterator[Step]:
    """Text, JSON and the journal with metrics and log."""
    import otel_mmlog  # noqa: PLC0415 - each process imports what it measures

    with otel_mmlog.init(
        "bench", work_dir=folder, by_epoch=False, interval=INTERVAL, console=False, steps=steps
    ) as run:
        batches = run.train(range(MAX_STEPS), max_iters=MAX_STEPS)

        def step(values: Mapping[str, float]) -> None:
            next(batches)
            run.log(values)

        yield step


def mmengine(folder: Path) -> Iterator[Step]:
    """Text and its two JSON files, with its own hooks."""
    from tests.benchmarks import theirs  # noqa: PLC0415

    training = theirs.Training("bench", folder, INTERVAL)
    yield lambda values: training.step({f"train/{name}": value for name, value in values.items()})
    training.close()


def json_lines(folder: Path) -> Iterator[Step]:
    """The floor: one JSON line an interval through ``logging``, to a line-buffered file."""
    logger = logging.Logger("bench")
    stream = (folder / "bench.jsonl").open("w", buffering=1)
    logger.addHandler(logging.StreamHandler(stream))
    yield _every_interval(lambda values, step: logger.info(json.dumps({"step": step, **values})))
    stream.close()


def structlog_and_gauges(folder: Path) -> Iterator[Step]:
    """structlog to JSON lines, and OpenTelemetry's SDK with a gauge a scalar, exported to a file."""
    import structlog  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader  # noqa: PLC0415

    points, lines = (folder / "metrics.json").open("w"), (folder / "bench.jsonl").open("w", buffering=1)
    provider = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter(out=points))])
    gauges = {name: provider.get_meter("bench").create_gauge(name) for name in EIGHT}
    logger = structlog.wrap_logger(
        structlog.WriteLogger(lines),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
    )

    def write(values: Mapping[str, float], step: int) -> None:
        logger.info("train", step=step, **values)
        for name, value in values.items():
            gauges[name].set(value, {"rank": 0})

    yield _every_interval(write)
    provider.shutdown()
    lines.close()
    points.close()


def tensorboard(folder: Path) -> Iterator[Step]:
    """``torch.utils.tensorboard``: an event file."""
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

    writer = SummaryWriter(str(folder))

    def write(values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    yield _every_interval(write)
    writer.close()


def wandb(folder: Path) -> Iterator[Step]:
    """Weights & Biases, offline: a transaction log, written by a process of its own."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=str(folder))
    import wandb  # noqa: PLC0415

    run = wandb.init(project="bench", settings=wandb.Settings(x_disable_stats=True))
    yield _every_interval(lambda values, step: run.log(dict(values), step=step))
    run.finish()


def trackio(folder: Path) -> Iterator[Step]:
    """Hugging Face's, local: SQLite, written by a thread."""
    os.environ.update(TRACKIO_DIR=str(folder), HF_HUB_OFFLINE="1")
    import trackio  # noqa: PLC0415

    trackio.init(project="bench", embed=False)
    yield _every_interval(lambda values, step: trackio.log(dict(values), step=step))
    trackio.finish()


def mlflow(folder: Path) -> Iterator[Step]:
    """MLflow with SQLite."""
    import mlflow  # noqa: PLC0415

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    with mlflow.start_run():
        yield _every_interval(lambda values, step: mlflow.log_metrics(dict(values), step=step))


def csv_logger(folder: Path) -> Iterator[Step]:
    """Lightning's CSVLogger; its Trainer saves every hundredth step."""
    from lightning.pytorch.loggers import CSVLogger  # noqa: PLC0415

    logger = CSVLogger(folder)

    def write(values: Mapping[str, float], step: int) -> None:
        logger.log_metrics(dict(values), step)
        if step % logger._flush_logs_every_n_steps == 0:
            logger.save()

    yield _every_interval(write)
    logger.save()


PEERS: Mapping[str, tuple[Peer, str]] = {
    "otel-mmlog": (otel_mmlog, "otel-mmlog"),
    "logging + json": (json_lines, ""),
    "mmengine": (mmengine, "mmengine"),
    "structlog + OTel gauges": (structlog_and_gauges, "opentelemetry-sdk"),
    "tensorboard": (tensorboard, "tensorboard"),
    "wandb offline": (wandb, "wandb"),
    "trackio": (trackio, "trackio"),
    "mlflow sqlite": (mlflow, "mlflow"),
    "lightning CSVLogger": (csv_logger, "lightning"),
}
"""Name -> how it logs, and its package."""


def is_installed(name: str) -> bool:
    """Whether a peer's package is there."""
    package = PEERS[name][1]
    try:
        return not package or bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


def _every_interval(write: Callable[[Mapping[str, float], int], None]) -> Step:
    at = 0

    def step(values: Mapping[str, float]) -> None:
        nonlocal at
        at += 1
        if at % INTERVAL == 0:
            write(values, at)

    return step


def main(name: str, folder: Path, steps: int) -> None:
    """Log, and print what a step took, in seconds."""
    warnings.simplefilter("ignore")
    ways = PEERS[name][0](folder)
    step = next(ways)
    values = cycle(varied_steps(list(EIGHT)))
    for each in islice(values, WARM_STEPS):
        step(each)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for each in islice(values, steps):
        step(each)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    closing_s = time.perf_counter()
    next(ways, None)
    closing_s = time.perf_counter() - closing_s
    print(json.dumps({"wall_s": wall_s / steps, "cpu_s": cpu_s / steps, "close_s": closing_s}), flush=True)
    os._exit(0)  # threads of a peer have had their time


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
