"""Scalars that are logged outside of any loop."""

from pathlib import Path

from tests.conftest import MakeRun
from tests.journals import headers, records, tags


def test_outside_of_loops(make_run: MakeRun, tmp_path: Path) -> None:
    """Outside of a loop each call is an iteration of its own; the last, partial interval is a record."""
    with make_run(interval=2) as run:
        for value in range(5):
            run.log(loss=value)
    assert [record["iter"] for record in records(tmp_path)] == [2, 4, 5]
    assert headers(tmp_path) == ["Iter(train) [2/?]", "Iter(train) [4/?]", "Iter(train) [5/?]"]


def test_step_names_the_iteration(make_run: MakeRun, tmp_path: Path) -> None:
    """``step`` is the number of the iteration, and the next call without one is the next."""
    with make_run(interval=1) as run:
        run.log(loss=1.0, step=100)
        run.log(loss=2.0)
        run.log(loss=3.0, step=500)
    assert [record["step"] for record in records(tmp_path)] == [100, 101, 500]


def test_val_names_outside_of_loops(make_run: MakeRun, tmp_path: Path) -> None:
    """``val/`` and ``test/`` names outside of loops are records of their modes, at once."""
    with make_run(interval=10) as run:
        run.log({"train/loss": 1.0, "val/acc": 0.5, "test/f1": 0.25}, step=7)
        assert [record["mode"] for record in records(tmp_path)] == ["val", "test"]
        run.log({"val/acc": 0.75}, step=8)
    found = records(tmp_path)
    assert [(record["mode"], record["iter"]) for record in found] == [
        ("val", 7),
        ("test", 7),
        ("val", 8),
        ("train", 8),
    ]
    assert tags(tmp_path, "acc") == [0.5, 0.75]
    assert tags(tmp_path, "f1") == [0.25]
