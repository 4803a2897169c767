"""The fleet's benchmark speaks for all ranks, loses nothing, and asks what the dashboards ask.

Its name keeps it out of a plain ``pytest``: name the file to run it.
"""

import pytest

from tests.benchmarks.fleet import Plan, measure
from tests.benchmarks.fleet_rows import Found, found_rows
from tests.end_to_end.servers import program

RANKS = 16
INTERVALS = 3


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    for name in ("otelcol", "prometheus"):
        program(name)
    plan = Plan(RANKS, INTERVALS, interval_s=1, past_s=60)
    return measure(plan, tmp_path_factory.mktemp("fleet"))


def test_every_point_is_stored(found: Found) -> None:
    """All that the ranks sent is in Prometheus, and 23 points a rank and interval are among it."""
    assert found.stored == found.spoken.points
    assert found.spoken.points >= RANKS * INTERVALS * 23


def test_past_and_present_are_the_same_series(found: Found) -> None:
    """What was written before has the labels that the Collectors' way gives: 23 series a rank and its process' own."""
    others = found.store["prometheus_tsdb_head_series"] - RANKS * (23 + 1)
    assert 0 <= others < RANKS * 23


def test_every_query_is_answered(found: Found) -> None:
    """Prometheus refuses no query, and the worst five are five."""
    assert [took for took in found.panels if took.error] == []
    worst = [took.series for took in found.panels if "worst five" in took.ask.panel]
    assert worst == [5, 5, 5]


def test_every_tier_has_its_rows(found: Found) -> None:
    """CPU and memory of ranks, agent, gateway and Prometheus are told, and none is zero."""
    rows = {row.what: row.ours.median for row in found_rows(found)}
    for tier in ("ranks", "agent", "gateway", "prometheus"):
        assert rows[f"{tier}: CPU a million points"] > 0
        assert rows[f"{tier}: memory at most"] > 0
