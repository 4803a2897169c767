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
                file.record(step, loss=number + step / 1000)
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
