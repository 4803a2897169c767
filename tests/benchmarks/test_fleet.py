"""The fleet's benchmark speaks for all ranks, loses nothing, and asks what the dashboards ask."""

import time

import pytest

from otel_mmlog.otel.names import MetricNames
from tests.benchmarks.fleet import Plan, measure
from tests.benchmarks.fleet_panels import AGGREGATES, asks, grafana_step_s
from tests.benchmarks.fleet_past import make_past
from tests.benchmarks.fleet_ranks import SpeakingRank, samples
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


def test_a_rank_tells_23_points() -> None:
    """Eight tags and fifteen of its health, once the first of each sum was told."""
    rank = SpeakingRank(3, 8, MetricNames(pytest.fail))
    rank.lines(1, time.time_ns())
    assert sum(line.items for line in rank.lines(2, time.time_ns())) == 23


def test_past_needs_the_same_series() -> None:
    """Two tellings of different ranks are no past."""
    names = MetricNames(pytest.fail)
    one, other = (
        [sample for line in SpeakingRank(rank, 8, names).lines(1, 10**18) for sample in samples(line)]
        for rank in (0, 1)
    )
    with pytest.raises(ValueError, match="different series"):
        make_past(one, other)


def test_steps_are_grafanas() -> None:
    """A graph half a screen wide shows an hour in steps of 5 s; a heat map of 120 columns in steps of 30 s."""
    assert grafana_step_s({"gridPos": {"w": 12}}, 3600) == 5
    assert grafana_step_s({"gridPos": {"w": 10}, "maxDataPoints": 120}, 3600) == 30


def test_no_variable_is_left_open() -> None:
    """All variables of the dashboards' queries are filled in, those of Grafana too."""
    assert [ask.text for ask in asks(AGGREGATES) if "$__" in ask.text or "$run" in ask.text] == []
