"""Every raw value with the time of its own step."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog import HistoryBuffer, MessageHub
from otel_mmlog.core.record import RawSeries
from otel_mmlog.loops.raw_points import RawPoints
from tests.conftest import MakeRun
from tests.journals import read_journals


def test_every_step(make_run: MakeRun, tmp_path: Path) -> None:
    """``steps="every"`` sends each raw value with its own time, beside the records."""
    with make_run(interval=4, steps="every") as run:
        for value in run.train(range(10)):
            run.log(loss=value)
        run.log(free=1.0)
        for value in run.val(range(2)):
            run.log(acc=value)
    points = read_journals(tmp_path).points
    raw = [point for point in points if point.name == "mmlog.raw.train.loss" and not point.flags]
    assert [point.value for point in raw] == list(range(10))
    times = [point.time_ns for point in raw]
    assert times == sorted(set(times))
    names = {point.name for point in points if point.name.startswith("mmlog.raw.")}
    assert {"mmlog.raw.train.time", "mmlog.raw.train.free", "mmlog.raw.val.acc"} <= names


def test_two_values_in_one_step(make_run: MakeRun, tmp_path: Path) -> None:
    """Two updates of a scalar in one step are two points: they lie one nanosecond apart."""
    with make_run(steps="every") as run:
        for _ in run.train(range(3)):
            run.log(loss=1.0)
            run.log(loss=2.0)
    raw = [point for point in read_journals(tmp_path).points if point.name == "mmlog.raw.train.loss"]
    raw = [point for point in raw if not point.flags]
    assert [point.value for point in raw] == [1.0, 2.0] * 3
    assert [later.time_ns - point.time_ns for point, later in zip(raw[::2], raw[1::2], strict=True)] == [
        1
    ] * 3


def test_more_steps_than_are_held_back(make_run: MakeRun, tmp_path: Path) -> None:
    """A record that never comes holds no value back for ever, and none is sent twice."""
    with make_run(steps="every", interval=10_000) as run:
        for value in run.train(range(1500)):
            run.log(loss=value)
    raw = [point for point in read_journals(tmp_path).points if point.name == "mmlog.raw.train.loss"]
    assert [point.value for point in raw if not point.flags] == list(range(1500))


def test_loaded_values_are_not_sent_again(make_run: MakeRun, tmp_path: Path) -> None:
    """What a checkpoint brings along was sent by the attempt before."""
    with make_run(steps="every") as run:
        for value in run.train(range(5)):
            run.log(loss=value)
        state = run.state_dict()
    with make_run(steps="every", resume=True) as run:
        run.load_state_dict(state)
        for value in run.train(range(5, 7)):
            run.log(loss=value)
    raw = [point for point in read_journals(tmp_path).points if point.name == "mmlog.raw.train.loss"]
    assert [point.value for point in raw if not point.flags] == list(range(7))


@given(
    counts=st.lists(st.integers(0, 3), max_size=30),
    flushes=st.sets(st.integers(0, 30)),
    kept=st.integers(1, 50),
)
def test_every_value_is_sent_once_at_its_step(counts: list[int], flushes: set[int], kept: int) -> None:
    """However many values a step has, and whenever they are read; what a history has forgotten is left out."""
    hub = MessageHub("raw")
    history = hub.log_scalars["a"] = HistoryBuffer(max_length=kept)
    sent: list[RawSeries] = []
    points = RawPoints(hub, sent.extend)
    waiting: list[tuple[int, float]] = []
    expected: list[tuple[int, float]] = []
    for step, count in enumerate(counts):
        for again in range(count):
            waiting.append((step * 1000 + again, float(history.total)))
            hub.update_scalar("a", float(history.total))
        points.collect(step * 1000)
        if step in flushes:
            points.flush()
            expected += waiting[-kept:]
            waiting.clear()
    points.flush()
    found = [pair for one in sent for pair in zip(one.times_ns, one.values, strict=True)]
    assert found == [*expected, *waiting[-kept:]]


def test_scalars_that_rest_cost_nothing() -> None:
    """Only what is new counts, and is read: a hub may hold thousands of scalars that are seldom logged."""
    hub = MessageHub("raw")
    for number in range(2000):
        hub.update_scalar(f"train/{number}", 0.5)
    sent: list[RawSeries] = []
    points = RawPoints(hub, sent.extend)
    assert points.collect(1), "two thousand are many"
    points.flush()
    assert len(sent) == 2000
    for step in range(10):
        hub.update_scalar("train/7", 1.5)
        assert not points.collect(step)
    points.flush()
    assert [(one.key, len(one.values)) for one in sent[2000:]] == [("train/7", 10)]
