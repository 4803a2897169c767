"""Python programs that a test starts, ends and looks at from outside."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
TIMEOUT_S = 60
BEGIN = """
import os, signal, sys, time
import otel_mmlog
run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1)
"""
"""The start of a program whose first argument is the work_dir."""


def python_command(source: str, *arguments: object) -> list[str]:
    """The command line of a program given as source."""
    return [sys.executable, "-W", "error", "-c", source, *map(str, arguments)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, with the repository importable."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **(extra or {})}


def run_python(
    source: str, *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, whatever its exit code is."""
    return subprocess.run(
        python_command(source, *arguments),
        env=environment(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def start_python(
    source: str, *arguments: object, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start a program whose output the test reads while it runs."""
    return subprocess.Popen(
        python_command(source, *arguments),
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
