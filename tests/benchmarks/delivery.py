"""What delivering costs: the sender's CPU and speed by protocol, and how long a line is under way."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import otel_mmlog
from tests.benchmarks.receivers import Receiver, fake, real_or_fake
from tests.benchmarks.scalars import EIGHT, varied_steps
from tests.benchmarks.table import Clock, Row, Target, figure

NAME = "delivery"
PROTOCOLS = ("http/json", "http/protobuf", "grpc")
_ROOT = Path(__file__).parents[2]
_CLOCKS: tuple[Clock, ...] = ("wall", "cpu")
_MOST_US = {"http/protobuf": 25.0, "grpc": 25.0}
_LEAST_K = {("http/json", "cpu"): 200.0}
_DRAIN = """
import json, os, sys, time
from pathlib import Path
from otel_mmlog.sender.drain import drain
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.transport import make_transports
sizes = []
class Counted:
    def __init__(self, inner):
        self.inner = inner
    def send(self, signal, lines):
        if signal == "metrics":
            sizes.append(sum(map(len, lines)))
        return self.inner.send(signal, lines)
    def close(self):
        self.inner.close()
transports = {signal: Counted(one) for signal, one in make_transports(read_endpoints(os.environ)).items()}
wall_s, cpu_s = time.perf_counter(), time.process_time()
status = drain([Path(sys.argv[1])], transports, lambda status: None).status
cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
points = status.delivered["metrics"]
print(json.dumps({"wall": wall_s, "cpu": cpu_s, "points": points, "sizes": sizes, "finished": status.finished}))
"""


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _drains(Path(folder), quick=quick)
        yield _latency(Path(folder), quick=quick)


def _drains(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Deliver the same journal over each protocol in turn."""
    journal = _make_journal(folder / "run", steps=200 if quick else 3000)
    rounds = 1 if quick else 3
    with real_or_fake(folder) as receiver:
        drained: dict[str, list[Any]] = {protocol: [] for protocol in PROTOCOLS}
        for _ in range(rounds):
            for protocol in PROTOCOLS:
                drained[protocol].append(_drain(journal, folder / "copy", receiver, protocol))
    for protocol in PROTOCOLS:
        runs, where = drained[protocol], f"{protocol} to {receiver.name}"
        cpu_us = [run["cpu"] / run["points"] * 1e6 for run in runs]
        most = Target("ours", _MOST_US[protocol]) if protocol in _MOST_US else None
        yield figure(NAME, f"sender CPU a point, {where}", cpu_us, clock="cpu", unit="us", target=most)
        for clock in _CLOCKS:
            rates = [run["points"] / run[clock] / 1000 for run in runs]
            least = _LEAST_K.get((protocol, clock))
            target = Target("ours", at_least=least) if least else None
            yield figure(NAME, f"drain, {where}", rates, clock=clock, unit="k points/s", target=target)
        sizes = [size / 1024 for size in runs[0]["sizes"]]
        yield figure(NAME, f"a request's lines, {where}", sizes, unit="KiB")
        points = [run["points"] / len(run["sizes"]) for run in runs]
        yield figure(NAME, f"a request's points, {where}", points, unit="points")


def _make_journal(work_dir: Path, *, steps: int) -> Path:
    """A rank's folder with a record a step, ten points each, and its log record."""
    values = varied_steps(list(EIGHT))
    with otel_mmlog.init("drain", work_dir=work_dir, interval=1, console=False) as run:
        for step in run.train(range(steps)):
            run.log(values[step % len(values)])
    return work_dir / "otlp" / "rank0000"


def _drain(journal: Path, copy: Path, receiver: Receiver, protocol: str) -> Any:
    shutil.copytree(journal, copy)
    try:
        output = subprocess.run(
            [sys.executable, "-c", _DRAIN, str(copy)],
            cwd=_ROOT,
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint(protocol),
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    finally:
        shutil.rmtree(copy)
    drained = json.loads(output)
    if not drained["finished"]:
        raise RuntimeError(f"{protocol}: the journal was not delivered whole")
    return drained


def _latency(folder: Path, *, quick: bool) -> Row:
    """Log a line now and then in a run that goes on, and ask the receiver when each came."""
    latencies_s: list[float] = []
    with (
        fake(latencies_s=latencies_s) as receiver,
        variables({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http}),
        otel_mmlog.init("latency", work_dir=folder / "latency", console=False) as run,
    ):
        run.flush(30)  # the sender is up
        for _ in range(5 if quick else 60):
            time.sleep(0.13)
            run.logger.info("ping")
        run.flush(30)
    latencies_ms = [latency_s * 1e3 for latency_s in latencies_s]
    return figure(NAME, "from log call to fake receiver", latencies_ms, clock="wall", unit="ms")


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
