"""Metrics of machine and process beside the run of a Runner."""

from pathlib import Path

import pytest

from tests.integrations.mmengine.runners import TYPE, instrumented, make_runner
from tests.journals import read_journals

pytest.importorskip(
    "opentelemetry.instrumentation.system_metrics", reason="the extra `system` is not installed"
)
pytest.importorskip("pynvml", reason="the extra `system` is not installed")


@pytest.mark.parametrize("by", ["config line", "variable", "nothing"])
def test_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """The line of config and the variable turn it on; the series end with the run."""
    if by == "variable":
        monkeypatch.setenv("OTEL_MMLOG_SYSTEM_METRICS", "true")
    option = {"system_metrics": True} if by == "config line" else {}
    with instrumented():
        make_runner(tmp_path / "run", log_processor={"type": TYPE, **option}).train()
    points = [point for point in read_journals(tmp_path / "run").points if point.name == "process.cpu.time"]
    assert bool(points) == (by != "nothing")
    assert {point.flags for point in points} == ({0, 1} if points else set())
