"""Metrics of machine and process, read with the real library; GPUs are a stand-in where a test needs some."""

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.run_points import RunPointExporter
from tests.end_to_end.otlp_files import Point
from tests.journals import read_journals, text_lines
from tests.otel.nvml import Nvml
from tests.otel.telemetry import POINT, make_encoder
from tests.processes import run_python

pytest.importorskip(
    "opentelemetry.instrumentation.system_metrics", reason="the extra `system` is not installed"
)
pytest.importorskip("pynvml", reason="the extra `system` is not installed")

import otel_mmlog
from otel_mmlog.system_metrics import CLOSE_S, SystemMetrics

THREAD = "otel_mmlog system metrics"
OF_PROCESS = {
    "process.cpu.time",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.memory.virtual",
    "process.disk.io",
    "process.context_switches",
    "process.open_file_descriptor.count",
    "process.thread.count",
}
OF_MACHINE = {"system.cpu.time", "system.memory.usage", "system.memory.utilization", "system.network.io"}

OF_GPUS = {"hw.gpu.utilization", "hw.gpu.memory.usage", "hw.gpu.memory.limit", "hw.power", "hw.temperature"}


def names(lines: list[EncodedLine]) -> set[str]:
    """The metrics of all scopes."""
    scopes = [
        scope
        for line in lines
        for resource in json.loads(line.data)["resourceMetrics"]
        for scope in resource["scopeMetrics"]
    ]
    return {metric["name"] for scope in scopes for metric in scope["metrics"]}


def points(work_dir: Path) -> list[Point]:
    found = read_journals(work_dir).points
    return [point for point in found if point.name.startswith(("system.", "process.", "hw."))]


def train(work_dir: Path, **options: Any) -> None:
    with otel_mmlog.init("tmp", work_dir=work_dir, console=False, **options) as run:
        run.log(loss=1.0)


def is_running() -> bool:
    return any(thread.name == THREAD for thread in threading.enumerate())


def wait_for(condition: Callable[[], Any]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_nothing_is_measured_unasked(tmp_path: Path) -> None:
    """Without the option there is no thread and no point."""
    with otel_mmlog.init("tmp", work_dir=tmp_path, console=False):
        assert not is_running()
    assert points(tmp_path) == []


def test_points_of_a_run(tmp_path: Path) -> None:
    """They have the names of the library and rank, run id and attempt; each series ends when the run does."""
    train(tmp_path, system_metrics=True, run_id="job")
    found = points(tmp_path)
    values = [point for point in found if not point.flags]
    assert {point.name for point in values} >= OF_PROCESS | OF_MACHINE
    for point in found:
        assert {key: point.attributes[key] for key in ("rank", "mmlog.run.id", "mmlog.run.attempt")} == {
            "rank": 0,
            "mmlog.run.id": "job",
            "mmlog.run.attempt": 0,
        }
    ends = Counter(
        (point.name, *map(str, sorted(point.attributes.items()))) for point in found if point.flags
    )
    series = {(point.name, *map(str, sorted(point.attributes.items()))) for point in values}
    assert ends == dict.fromkeys(series, 1)
    assert not is_running()
    assert max(point.time_ns for point in values) < min(point.time_ns for point in found if point.flags)
    rss_bytes = [point.value for point in values if point.name == "process.memory.usage"]
    assert all(each is not None and 10e6 < each < 100e9 for each in rss_bytes)


def test_time_of_all_cpus(tmp_path: Path) -> None:
    """A machine's CPUs are one series a state, so that hundreds of them cost no more than one."""
    train(tmp_path, system_metrics=True)
    cpu = [point for point in points(tmp_path) if point.name == "system.cpu.time" and not point.flags]
    assert all("cpu" not in point.attributes for point in cpu)
    idle_s = next(point.value for point in cpu if point.attributes["state"] == "idle")
    with Path("/proc/stat").open(encoding="ascii") as file:
        expected_s = int(file.readline().split()[4]) / os.sysconf("SC_CLK_TCK")
    assert idle_s == pytest.approx(expected_s, abs=30 * (os.cpu_count() or 1))


def test_one_rank_tells_of_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local ranks above 0 tell of their process alone."""
    for name, value in {"RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    train(tmp_path, system_metrics=True)
    assert {point.name for point in points(tmp_path)} == OF_PROCESS


def test_what_is_excluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own variable leaves metrics out, by pattern."""
    monkeypatch.setenv("OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS", "system.*, process.disk.io")
    train(tmp_path, system_metrics=True)
    assert {point.name for point in points(tmp_path)} == OF_PROCESS - {"process.disk.io"}


def test_no_thread_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no thread left, the run goes on, says so, and closes as any other."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    train(tmp_path, system_metrics=True)
    assert "can't start new thread" in (tmp_path / "tmp.log").read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's variable says how often; what it cannot be is an error before anything starts."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    with otel_mmlog.init("tmp", work_dir=tmp_path / "run", console=False, system_metrics=True):
        wait_for(lambda: sum(point.name == "process.thread.count" for point in points(tmp_path / "run")) > 2)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "often")
    with pytest.raises(ConfigError, match="OTEL_METRIC_EXPORT_INTERVAL='often'"):
        otel_mmlog.init("tmp", work_dir=tmp_path / "wrong", system_metrics=True)
    assert not (tmp_path / "wrong").exists()


def test_metrics_that_are_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``OTEL_METRICS_EXPORTER=none`` is above the option."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    with otel_mmlog.init("tmp", work_dir=tmp_path, console=False, system_metrics=True):
        assert not is_running()
    assert points(tmp_path) == []


@pytest.mark.parametrize("package", ["opentelemetry.instrumentation.system_metrics", "pynvml"])
def test_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """It is an error before anything starts, and says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ConfigError, match=rf"{package} cannot be imported.*pip install 'otel-mmlog\[system\]'"
    ):
        otel_mmlog.init("tmp", work_dir=tmp_path / "run", system_metrics=True)
    assert not list(tmp_path.iterdir())


FORK = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
import otel_mmlog
os.environ["OTEL_METRIC_EXPORT_INTERVAL"] = "100"
run = otel_mmlog.init("tmp", work_dir=sys.argv[1], console=False, system_metrics=True)
time.sleep(0.3)
pid = os.fork()
if pid == 0:
    time.sleep(0.5)
    run.logger.info("child", threads=threading.active_count())
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert threading.active_count() == 2
run.close()
"""


def test_forked_children_measure_nothing(tmp_path: Path) -> None:
    """A worker inherits no thread, none starts in it, and no point is of it."""
    done = run_python(FORK, tmp_path)
    assert done.returncode == 0, done.stderr
    (child,) = [log for log in read_journals(tmp_path).logs if str(log.body).startswith("child")]
    assert child.attributes["threads"] == 1
    segments = {path.name.split("-")[1].split(".")[0]: path for path in tmp_path.glob("otlp/*/*.jsonl*")}
    assert len(segments) == 2
    assert ["process.cpu.time" in path.read_text("utf-8") for path in segments.values()].count(True) == 1


def test_gpus_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told beside the machine; NVML is let go at the end."""
    nvml, lines, faults = Nvml(), list[EncodedLine](), list[Exception]()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    metrics = make_metrics(lines, faults)
    metrics.start()
    wait_for(lambda: nvml.calls["temperature"] >= 2)
    metrics.close()
    assert {name for name in names(lines) if name.startswith("hw.")} == OF_GPUS
    assert (nvml.calls["init"], nvml.calls["shutdown"]) == (1, 1)
    assert not faults


def test_a_machine_without_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in one line, and the rest is measured."""
    nvml = Nvml()

    def fail() -> None:
        raise Nvml.NVMLError(12)

    monkeypatch.setattr(nvml, "nvmlInit", fail)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with otel_mmlog.init("tmp", work_dir=tmp_path, console=False, system_metrics=True):
        wait_for(lambda: points(tmp_path))
    lines = [
        line for line in text_lines(tmp_path / "tmp.log") if "GPU metrics are left out: NVML error 12" in line
    ]
    assert len(lines) == 1
    assert {point.name for point in points(tmp_path)} >= OF_PROCESS | OF_MACHINE


def test_a_driver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end gives up after a second, ends the series, and takes nothing afterwards."""
    nvml, lines = Nvml(), list[EncodedLine]()
    hang, go_on = threading.Event(), threading.Event()

    def read(_handle: int) -> int:
        if hang.is_set():
            go_on.wait(30)
        return 1

    monkeypatch.setattr(nvml, "nvmlDeviceGetPowerUsage", read)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    metrics = make_metrics(lines, [])
    metrics.start()
    wait_for(lambda: lines)
    hang.set()
    start_s = time.monotonic()
    metrics.close()
    assert 0.9 * CLOSE_S < time.monotonic() - start_s < 2.0
    assert b'"flags":1' in lines[-1].data
    count = len(lines)
    go_on.set()
    wait_for(lambda: not is_running())
    assert len(lines) == count


def test_what_fails_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that fails is counted at each collection, and the others are told."""

    def fail(**_: object) -> None:
        raise OSError("no such file")

    monkeypatch.setattr("psutil.net_io_counters", fail)
    lines, faults = list[EncodedLine](), list[Exception]()
    metrics = make_metrics(lines, faults)
    metrics.start()
    metrics.close()
    assert "system.network.io" not in names(lines)
    assert names(lines) >= OF_PROCESS | {"system.cpu.time"}
    assert {str(fault) for fault in faults} == {"no such file"}


def make_metrics(lines: list[EncodedLine], faults: list[Exception]) -> SystemMetrics:
    return SystemMetrics(
        RunPointExporter(make_encoder(), lines.append, POINT),
        {"service.name": "exp"},
        machine=True,
        note_fault=lambda _name, error: faults.append(error),
        interval_s=0.05,
    )
