"""Starts the digits example as a user does, and reads what it left on disk."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.end_to_end.otlp_files import Telemetry, read_otlp

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits.py"
LINE = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d - \S+ - [A-Z]+ - ")


def start_digits(
    work_dir: Path, *arguments: str, ranks: int = 2, variables: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start the example on some ranks of this machine."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TORCHELASTIC"))
    }
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)]
    return subprocess.Popen(
        [sys.executable, *launcher, str(EXAMPLE), "--work-dir", str(work_dir), *arguments],
        env={**environ, "OMP_NUM_THREADS": "1", **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for the end of a run that must succeed, and return what it printed."""
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error[-4000:]
    return out


def run_digits(
    work_dir: Path, *arguments: str, ranks: int = 2, variables: Mapping[str, str] | None = None
) -> str:
    """Run the example to its end, and return what it printed."""
    return finish(start_digits(work_dir, *arguments, ranks=ranks, variables=variables))


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON file, each of which must be strict JSON."""
    return [json.loads(line, parse_constant=_refuse) for line in path.read_text().splitlines()]


def journal(work_dir: Path, rank: int) -> Telemetry:
    """What the journal of a rank holds."""
    return read_otlp(*sorted((work_dir / "otlp" / f"rank{rank:04d}").iterdir()))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
