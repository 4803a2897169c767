"""The scalars of a run that was started again: each step counts once, as the last attempt that did it has it."""

import itertools
import math
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_mmlog.runs.find import find_runs
from otel_mmlog.runs.series import read_series
from tests.plots.runs import RunFile
from tests.runs import written

# of each attempt: the step from which it goes on, how many steps it does, and how often it logs
ATTEMPTS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 7)), min_size=1, max_size=4
)
VAL_EVERY = 9


def write(folder: Path, attempts: list[tuple[int, int, int]]) -> dict[str, list[list[int]]]:
    """Write the attempts; returns the steps of each, by scalar."""
    file = RunFile(folder)
    told: dict[str, list[list[int]]] = {"train/loss": [], "val/acc": []}
    for number, (start, length, interval) in enumerate(attempts):
        file.start()
        for steps in told.values():
            steps.append([])
        for step in range(start + 1, start + length + 1):
            if step % interval == 0:
                file.record(step, loss=number + step / 1000, time=0.2, data_time=0.1)
                told["train/loss"][-1].append(step)
            if step % VAL_EVERY == 0:
                file.record(step, mode="val", acc=number + step / 1000)
                told["val/acc"][-1].append(step)
    return told


def expected(told: dict[str, list[list[int]]], name: str) -> list[tuple[int, int]]:
    """Steps and attempts that count: those behind which no later attempt has begun."""
    kept = []
    for number, steps in enumerate(told[name]):
        later = (told["train/loss"][number + 1 :], told[name][number + 1 :])
        firsts = [each[0] for each in itertools.chain(*later) if each]
        kept += [(step, number) for step in steps if step < min(firsts, default=10**9)]
    return kept


@settings(deadline=None, max_examples=100)
@given(ATTEMPTS)
def test_each_step_counts_once(attempts: list[tuple[int, int, int]]) -> None:
    """Whatever the attempts: what a later one did again replaces what was there; nothing else is lost."""
    with tempfile.TemporaryDirectory() as folder:
        told = write(Path(folder), attempts)
        (run,) = find_runs(Path(folder))
        found = read_series(run, lambda _: True, 0)
    for name in told:
        pairs = expected(told, name)
        series = found.get(name)
        assert (list(zip(series.steps, series.attempts, strict=True)) if series else []) == pairs
        if series:
            assert series.values == [number + step / 1000 for step, number in pairs]
            assert all(earlier < later for earlier, later in itertools.pairwise(series.steps))


def pairs_of(folder: Path, name: str = "train/loss") -> list[tuple[int, float]]:
    """Steps and values of a scalar in the one run of a folder, in the order in which they were logged."""
    (run,) = find_runs(folder)
    series = read_series(run, lambda _: True, 0)[name]
    return list(zip(series.steps, series.values, strict=True))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=20))
def test_step_that_is_named_again_counts_as_logged_last(steps: list[int]) -> None:
    """Within an attempt, whatever the order in which a user names steps: the last value of each, and none is lost."""
    with tempfile.TemporaryDirectory() as folder:
        file = RunFile(Path(folder))
        file.start()
        for number, step in enumerate(steps):
            file.record(step, loss=float(number))
        found = pairs_of(Path(folder))
    assert dict(found) == {step: float(number) for number, step in enumerate(steps)}
    assert len(found) == len(set(steps))


def test_loop_that_goes_back_does_again_what_is_behind(tmp_path: Path) -> None:
    """A second training within an attempt replaces all from its first step on, as a restart does."""
    file = RunFile(tmp_path)
    file.start()
    for value, steps in ((1.0, (5, 10, 15, 20)), (2.0, (5, 10))):
        for step in steps:
            file.record(step, loss=value, time=0.2, data_time=0.1)
            file.record(step, mode="val", acc=value)
    assert pairs_of(tmp_path) == pairs_of(tmp_path, "val/acc") == [(5, 2.0), (10, 2.0)]


def test_evaluation_before_the_first_step_of_an_attempt(tmp_path: Path) -> None:
    """It is told, also where the attempt's first record of training is of the same step."""
    file = RunFile(tmp_path)
    for value in (1.0, 2.0):
        file.start()
        for step in (0, 5):
            file.record(step, mode="val", acc=value)
            file.record(step, loss=value, time=0.2, data_time=0.1)
    assert pairs_of(tmp_path) == pairs_of(tmp_path, "val/acc") == [(0, 2.0), (5, 2.0)]


def test_scalar_by_epoch_beside_one_by_iteration(tmp_path: Path) -> None:
    """A record of scalars that name their step tells of these alone, also with a time in it and in a new attempt."""
    file = RunFile(tmp_path)
    file.start()
    for step, loss in ((1, 0.5), (2, 0.4), (3, math.nan)):
        file.record(step, loss=loss, data_time=0.1)
    file.record(1, epoch_loss=0.45, data_time=0.3)
    file.record(4, loss=0.2)
    file.start()
    file.record(2, epoch_loss=0.35)
    assert repr(pairs_of(tmp_path)) == "[(1, 0.5), (2, 0.4), (3, nan), (4, 0.2)]"
    assert pairs_of(tmp_path, "train/epoch_loss") == [(1, 0.45), (2, 0.35)]


def test_rollback_with_hierarchy(tmp_path: Path) -> None:
    """A loop whose tags are below its mode goes back as any."""
    lines = [
        written.record_line(step, {"train/loss": loss, "train/time": 0.2, "train/data_time": 0.1})
        for step, loss in ((1, 0.5), (2, 0.4), (3, 0.3), (2, 0.2))
    ]
    written.write(tmp_path / "a.jsonl", lines)
    assert pairs_of(tmp_path) == [(1, 0.5), (2, 0.2)]


def test_what_is_not_finite_is_kept(tmp_path: Path) -> None:
    """NaN and infinities are values as others."""
    file = RunFile(tmp_path)
    file.start()
    file.losses([1.0, math.nan, math.inf, -math.inf])
    series = read_series(find_runs(tmp_path)[0], lambda _: True, 0)["train/loss"]
    assert repr(series.values) == "[1.0, nan, inf, -inf]"


def test_file_of_another_program(tmp_path: Path) -> None:
    """A file that no run wrote holds no runs."""
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "empty.jsonl").write_text("")
    assert find_runs(tmp_path) == []


def test_number_above_all_floats_costs_itself(tmp_path: Path) -> None:
    """Another program may write such an int: it is left out, its neighbours are not."""
    written.write(tmp_path / "a.jsonl", [written.record_line(1, {"loss": 0.5, "huge": 10**400})])
    (run,) = find_runs(tmp_path)
    assert list(read_series(run, lambda _name: True, 0)) == ["train/loss"]
