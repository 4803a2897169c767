"""Who of the ranks is slow, since when, and what it costs: by numbers that are known beforehand."""

import math

import numpy as np
import pytest

from otel_mmlog.runs.paces import Pace, Paces, pace_of_each, side_by_side
from otel_mmlog.runs.step_times import StepTimes


def times_of(
    rank: int, seconds: list[float], data: list[float] | None = None, *, every: int = 10
) -> StepTimes:
    """Records of a rank, one every so many steps."""
    times = StepTimes(rank, "JSON lines")
    for number, (time_s, data_s) in enumerate(zip(seconds, data or [0.0] * len(seconds), strict=True), 1):
        times.put(number * every, time_s, data_s)
    return times


def compared(*all_times: StepTimes, over: float = 0.1) -> tuple[Paces, list[Pace]]:
    paces = side_by_side(all_times)
    return paces, pace_of_each(paces, over)


def test_two_ranks_one_of_which_becomes_slow() -> None:
    """The fast one is the measure of the slow one; the cost is what it waits."""
    paces, (fast, slow) = compared(times_of(0, [0.1] * 20), times_of(1, [0.1] * 10 + [0.15] * 10))
    assert (fast.since, fast.slow_share) == (None, 0.0)
    assert (slow.since, slow.until, slow.slow_share) == (101, None, 0.5)
    assert slow.slowest_steps == 100
    assert paces.cost_s(data=False) == pytest.approx(100 * 0.05)
    assert paces.total_s == pytest.approx(100 * 0.1 + 100 * 0.15)
    assert not paces.is_together


def test_a_single_slow_step_is_no_habit() -> None:
    """It counts in the share, and begins no stretch; nor does a single fast step end one."""
    _, (_, once, _) = compared(
        times_of(0, [0.1] * 20), times_of(1, [0.1] * 9 + [0.5] + [0.1] * 10), times_of(2, [0.1] * 20)
    )
    assert (once.since, once.slow_share) == (None, 0.05)
    _, (_, but_once, _) = compared(
        times_of(0, [0.1] * 20), times_of(1, [0.2] * 9 + [0.1] + [0.2] * 10), times_of(2, [0.1] * 20)
    )
    assert (but_once.since, but_once.until) == (1, None)


def test_a_rank_that_was_slow_for_a_while() -> None:
    """The stretch has an end."""
    slow = [0.1] * 8 + [0.2] * 6 + [0.1] * 6
    _, (_, pace, _) = compared(times_of(0, [0.1] * 20), times_of(1, slow), times_of(2, [0.1] * 20))
    assert (pace.since, pace.until) == (81, 140)


def test_ranks_that_wait_for_each_other() -> None:
    """All take as long as the slowest; who is late shows in the data."""
    seconds = [0.1] * 10 + [0.15] * 10
    paces, (_, late, _) = compared(
        times_of(0, seconds), times_of(1, seconds, [0.0] * 10 + [0.05] * 10), times_of(2, seconds)
    )
    assert paces.is_together
    assert late.since == 101
    assert paces.cost_s(data=True) == pytest.approx(100 * 0.05)
    assert paces.cost_s(data=False) == 0


def test_steps_that_a_rank_does_not_have() -> None:
    """They are no times of its own, and a column of one rank alone is left out."""
    early = times_of(0, [0.1] * 10)
    late = StepTimes(1, "journal")
    for step in (80, 90, 100, 110):
        late.put(step, 0.2, 0.0)
    paces, (first, second) = compared(early, late)
    assert paces.steps.tolist() == [80, 90, 100]
    assert first.mean_s == pytest.approx(0.1)
    assert second.mean_s == pytest.approx(0.2)
    with pytest.raises(ValueError, match="in common"):
        side_by_side([early, times_of(1, [0.1] * 3, every=7)])


def test_a_later_attempt_counts() -> None:
    """What was done again is forgotten, with all that came behind it."""
    times = times_of(0, [0.1, 0.2, 0.3])
    times.put(20, 0.5, 0.0)
    assert (times.steps, times.times_s) == ([10, 20], [0.1, 0.5])


def test_sampled_records_are_put_together() -> None:
    """Ranks of which other records were read are compared by intervals."""
    rng = np.random.default_rng(0)
    all_times = []
    for rank in range(8):
        times = StepTimes(rank, "JSON lines", is_sampled=True)
        for step in sorted(rng.choice(100_000, 5000, replace=False).tolist()):
            slow = 1.5 if rank == 3 and step > 50_000 else 1.0
            times.put(step + 1, slow * rng.normal(0.2, 0.01), 0.0)
        all_times.append(times)
    _, each = compared(*all_times)
    assert [pace.rank for pace in each if pace.since is not None] == [3]
    assert each[3].since == pytest.approx(50_000, abs=1000)
    assert each[3].slow_share == pytest.approx(0.5, abs=0.02)


def test_a_rank_without_common_steps() -> None:
    """It has no numbers, and disturbs none."""
    lost = StepTimes(2, "journal", steps=[1000], times_s=[9.0], data_times_s=[0.0])
    _, (*_, pace) = compared(times_of(0, [0.1] * 5), times_of(1, [0.1] * 5), lost)
    assert math.isnan(pace.mean_s)
    assert pace.since is None
