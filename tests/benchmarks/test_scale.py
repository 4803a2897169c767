"""What the scaling benchmark loads a run with."""

from typing import Any

import pytest

from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.scale import Load


@pytest.mark.parametrize("load", [Load(1), Load(10, 1000), Load(10_000)])
def test_whole_intervals_are_timed(load: Load) -> None:
    """However much a step logs, as many records as belong to the steps are in what is timed."""
    assert load.steps % INTERVAL == 0
    assert load.steps > 0


def test_rules_write_tags_of_their_own() -> None:
    """No rule overwrites what another one shows."""
    rules: list[dict[str, Any]] = Load(10, 1000).custom_cfg()
    assert len({rule["log_name"] for rule in rules}) == 1000
    assert {rule["data_src"] for rule in rules} == set(next(Load(10).values()))
