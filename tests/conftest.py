"""What every test starts from: no launcher's or user's variables, and no run left open."""

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import otel_mmlog

_PREFIXES = ("OTEL_", "SLURM_", "OMPI_", "TORCHELASTIC_")
_NAMES = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "TRACEPARENT",
    "TRACESTATE",
    "NO_COLOR",
    "FORCE_COLOR",
)

# A shell starts what it puts in the background with SIGINT ignored, and every child of a test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on what else the machine does.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in what a test printed or logged: a worker cannot send them to the main process."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


MakeRun = Callable[..., "otel_mmlog.Run"]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of a launcher, of OpenTelemetry or of a terminal."""
    for name in os.environ:
        if name in _NAMES or name.startswith(_PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is five and a half hours later than UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    """``otel_mmlog.init`` with files in ``tmp_path`` and a silent console; closes what it made."""
    runs: list[otel_mmlog.Run] = []

    def make(name: str = "tmp", **options: Any) -> otel_mmlog.Run:
        run = otel_mmlog.init(name, **{"work_dir": tmp_path, "console": False, **options})
        runs.append(run)
        return run

    yield make
    for run in runs:
        run.close()
