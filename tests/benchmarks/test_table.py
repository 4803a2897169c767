"""The table of the benchmarks: verdicts, and a short run of those that take no time."""

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.table import Target, figure, render

ROOT = Path(__file__).parents[2]


def test_target_may_be_a_least() -> None:
    """A figure is within bounds that it reaches, from either side."""
    assert Target("ours", at_least=200.0).is_met_by(200.0)
    assert not Target("ours", at_least=200.0).is_met_by(199.0)
    assert Target("ratio", 0.25).is_met_by(0.25)
    assert not Target("ratio", 0.25).is_met_by(0.26)
    row = figure("delivery", "drain", [250.0], unit="k points/s", target=Target("ours", at_least=200.0))
    assert render([row]).splitlines()[-1].endswith(">= 200 k points/s  met")


def test_short_run_prints_and_writes_its_rows(tmp_path: Path) -> None:
    """``--only`` measures what it names, with the verdicts counted in the last line."""
    path = tmp_path / "table.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "journal", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    assert [row["benchmark"] for row in rows] == ["journal", "journal"]
    assert all(f"  {row['what']}  " in done.stdout for row in rows)
    assert done.stdout.splitlines()[-1].endswith(" targets met")
