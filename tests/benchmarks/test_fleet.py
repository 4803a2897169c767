"""What the fleet's benchmark tells of a rank, and what it asks."""

import time

import pytest

from otel_mmlog.otel.names import MetricNames
from tests.benchmarks.fleet_panels import AGGREGATES, asks, grafana_step_s
from tests.benchmarks.fleet_past import make_past
from tests.benchmarks.fleet_ranks import SpeakingRank, samples


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
