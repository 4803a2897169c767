"""torchtitan's way of logging, without torchtitan."""

from pathlib import Path

import pytest

from tests.integrations.examples import heads, run_example
from tests.journals import records


def test_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each call is a record with its own step, and a validation one of val."""
    run_example(monkeypatch, "torchtitan_style", tmp_path, "--steps", "10")
    assert sorted(heads(tmp_path, "torchtitan_style")) == [
        "Iter(train) [10/?]",
        "Iter(train) [5/?]",
        "Iter(val) [10/?]",
    ]
    tags = {record["mode"]: set(record["tags"]) for record in records(tmp_path, "torchtitan_style")}
    assert tags["val"] == {"loss", "iter"}
    assert {"loss_metrics/global_avg_loss", "grad_norm", "throughput(tps)"} <= tags["train"]
