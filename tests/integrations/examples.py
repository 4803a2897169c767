"""The examples of the adapters, run in the process of a test: importing a framework takes longer than its example."""

import runpy
import sys
from pathlib import Path

import pytest

from otel_mmlog.run_base import end_open_runs
from tests.journals import records
from tests.processes import REPOSITORY


def run_example(monkeypatch: pytest.MonkeyPatch, name: str, work_dir: Path, *arguments: str) -> None:
    """Run ``examples/<name>.py`` to its end, and end its run as the end of its process would."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--work-dir", str(work_dir), *arguments])
    runpy.run_path(str(REPOSITORY / "examples" / f"{name}.py"), run_name="__main__")
    end_open_runs()


def heads(work_dir: Path, name: str) -> list[str]:
    """``Iter(train) [10/40]`` of each record."""
    return [record["event"].split("  ")[0].rstrip() for record in records(work_dir, name)]
