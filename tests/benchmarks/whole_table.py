"""All benchmarks run, and every row that they promise is there; how fast is not asserted.

It takes minutes, so that its name keeps it out of a plain ``pytest``: name the file to run it.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.groups import GROUPS
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
        assert f"  {row['what']}  " in printed
    assert counts == {
        "hub": 6,
        "full_path": 9,
        "peers": 2 * len(_installed_peers()),
        "record": 4,
        "every": 6,
        "senders": 4,
        "delivery": 16,
        "journal": 2,
        "checkpoint": 3,
        "import": 6,
        "start_close": 5,
        "memory": 3,
        "registry": 8,
        "runner": 6,
        "endpoint": 8,
        "commands": 7,
    }


def test_rows_stand_under_their_headings(table: Any) -> None:
    """Each group of rows has one heading, in the order of the groups, and every benchmark has a group."""
    data, printed = table
    headings = [line for line in printed.splitlines() if line in GROUPS]
    assert headings == list(GROUPS)
    groups = list(dict.fromkeys(row["group"] for row in data["rows"]))
    assert groups == headings
    assert all(row["benchmark"] in GROUPS[row["group"]] for row in data["rows"])


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
            of, at_most, at_least = row["target"]
            median = row[of]["median"]
            assert row["met"] == (
                (at_most is None or median <= at_most) and (at_least is None or median >= at_least)
            )


def test_last_line_counts_the_targets(table: Any) -> None:
    """It says how many targets are met, of how many; each miss stands in its row."""
    data, printed = table
    verdicts = [row["met"] for row in data["rows"] if row["met"] is not None]
    assert printed.splitlines()[-1] == f"{sum(verdicts)} of {len(verdicts)} targets met"
    assert printed.count("MISSED") == verdicts.count(False)


def test_peers_that_are_installed_are_measured(table: Any) -> None:
    """Each has a row by CPU time and one by the clock; those that are not installed are named below the table."""
    data, printed = table
    rows = [(row["peer"], row["clock"]) for row in data["rows"] if row["benchmark"] == "peers"]
    wanted = _installed_peers()
    assert rows == [(name, clock) for name in wanted for clock in ("cpu", "wall")]
    assert {"logging + json", "mmengine", "structlog + OTel gauges"} <= set(wanted)
    missing = [name for name in PEERS if not is_installed(name)]
    line = f"not installed: {', '.join(missing)} (pip install -e '.[benchmarks]')"
    assert (line in printed.splitlines()) == bool(missing)


def _installed_peers() -> list[str]:
    return [name for name in PEERS if is_installed(name) and name != "otel-mmlog"]
