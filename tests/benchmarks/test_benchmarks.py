"""The benchmarks run, and every row that they promise is there; how fast is not asserted."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.peer_process import PEERS, is_installed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("benchmarks") / "table.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text()), done.stdout


def test_every_row_is_produced(table: Any) -> None:
    """The quick form yields each benchmark's rows, and prints each of them."""
    data, printed = table
    counts: dict[str, int] = {}
    for row in data["rows"]:
        counts[row["benchmark"]] = counts.get(row["benchmark"], 0) + 1
        assert f"{row['benchmark']}: {row['what']}" in printed
    assert counts == {
        "hub": 4,
        "full_path": 9,
        "record": 3,
        "runner": 6,
        "registry": 8,
        "import": 6,
        "start_close": 2,
        "delivery": 17,
        "endpoint": 8,
    }


def test_every_figure_is_finite_and_positive(table: Any) -> None:
    """Costs and ratios are numbers above zero; only what is added may drown in the noise."""
    for row in table[0]["rows"]:
        for side in ("ours", "theirs", "ratio") if row["peer"] else ("ours",):
            for value in row[side].values():
                assert math.isfinite(value), row
                assert value > 0 or row["what"].startswith("added"), row


def test_verdict_is_the_medians(table: Any) -> None:
    """A row is met where its median is within the target, and has no verdict without one."""
    for row in table[0]["rows"]:
        if row["target"] is None:
            assert row["met"] is None
        else:
            of, at_most = row["target"]
            assert row["met"] == (row[of]["median"] <= at_most)


def test_peers_that_are_installed_are_measured(tmp_path: Path) -> None:
    """Each has a row by CPU time and one by the clock; those that are not installed are left out."""
    path = tmp_path / "table.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "peers", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = [(row["peer"], row["clock"]) for row in json.loads(path.read_text())["rows"]]
    wanted = [name for name in PEERS if is_installed(name) and name != "otel-mmlog"]
    assert rows == [(name, clock) for name in wanted for clock in ("cpu", "wall")]
    assert {"logging + json", "mmengine", "structlog + OTel gauges"} <= set(wanted)
