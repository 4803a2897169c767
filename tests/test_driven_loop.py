"""Loops that a framework runs: ``run.drive``."""

import time
from pathlib import Path

import pytest

from otel_mmlog import ConfigError
from otel_mmlog.loops.driven import DrivenLoop
from tests.conftest import MakeRun
from tests.journals import headers, read_journals, records, tags


def step(loop: DrivenLoop) -> None:
    loop.begin_step()
    loop.end_step()


def test_records_are_those_of_a_loop_of_ones_own(make_run: MakeRun, tmp_path: Path) -> None:
    """Each interval is a record, with what was logged behind its last step; so is the partial one at the end."""
    with make_run(by_epoch=False, interval=2, window_size=1) as run:
        loop = run.drive(max_iters=10, start=5)
        for value in range(5):
            step(loop)
            run.log(loss=value)
        loop.close()
    assert headers(tmp_path) == ["Iter(train) [ 6/10]", "Iter(train) [ 8/10]", "Iter(train) [10/10]"]
    assert tags(tmp_path, "loss") == [0, 2, 4]
    assert [span.name for span in read_journals(tmp_path).spans] == ["mmlog.train", "mmlog.run"]


def test_epochs_and_interval_of_the_caller(make_run: MakeRun, tmp_path: Path) -> None:
    """Inside of ``epochs`` a loop is one of theirs; an interval of its own wins over the run's."""
    with make_run(interval=10) as run:
        for _epoch in run.epochs(2):
            loop = run.drive(length=3, interval=3)
            for _ in range(3):
                step(loop)
    assert headers(tmp_path) == ["Epoch(train) [1][3/3]", "Epoch(train) [2][3/3]"]
    assert tags(tmp_path, "iter") == [3, 6]


def test_no_record_without_a_scalar(make_run: MakeRun, tmp_path: Path) -> None:
    """Once something was logged in a loop, an interval without anything makes none; a loop without any has times."""
    with make_run(by_epoch=False, interval=1) as run:
        for logged in ({2}, set()):
            loop = run.drive(length=4)
            for number in range(4):
                step(loop)
                if number in logged:
                    run.log(loss=number)
            loop.close()
    assert tags(tmp_path, "iter") == [1, 2, 3, 5, 6, 7, 8]


def test_what_is_left_out_is_in_no_later_record(make_run: MakeRun, tmp_path: Path) -> None:
    """With ``ignore_last`` the rest of a loop has no record, and what is logged behind it is on its own."""
    with make_run(by_epoch=False, interval=2, ignore_last=True) as run:
        loop = run.drive(length=3)
        for value in range(3):
            step(loop)
            run.log(loss=value)
        loop.close()
        run.log(free=1, step=50)
        run.log(free=2, step=52)
    assert tags(tmp_path, "iter") == [2, 52]
    assert ["loss" in record["tags"] for record in records(tmp_path)] == [True, False]


def test_epochs_of_one_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """A loop over several epochs is told where one begins; what came before it is the last one's."""
    with make_run(by_epoch=False, interval=1) as run:
        loop = run.drive(epoch=4)
        for _ in range(2):
            step(loop)
            loop.count_step()
            val = run.drive("val")
            step(val)
            val.close()
            loop.begin_epoch()
        loop.close()
        run.log({"val/acc": 1})
    found = [(record["mode"], record["epoch"]) for record in records(tmp_path)]
    assert found == [("train", 5), ("val", 5), ("train", 6), ("val", 6), ("val", 7)]


def test_what_a_framework_tells_at_an_epochs_end(make_run: MakeRun, tmp_path: Path) -> None:
    """It is in a record of this epoch, also in the middle of an interval; an epoch without anything new has none."""
    with make_run(by_epoch=False, interval=4) as run:
        loop = run.drive()
        for epoch in range(3):
            for _ in range(3):
                step(loop)
            if epoch != 1:
                run.log(mean=epoch)
            loop.begin_epoch()
        loop.close()
    found = [(record["epoch"], record["iter"], record["tags"].get("mean")) for record in records(tmp_path)]
    assert found == [(1, 3, 0), (3, 9, 2)]


def test_times_are_those_of_the_steps(make_run: MakeRun, tmp_path: Path) -> None:
    """``data_time`` is the wait before a step, ``time`` that and the step; what lies behind `resume` is in neither."""
    with make_run(interval=1, window_size=1) as run:
        loop = run.drive()
        for _ in range(2):
            time.sleep(0.02)
            loop.begin_step()
            time.sleep(0.01)
            loop.end_step()
            time.sleep(0.2)
            loop.resume()
    assert all(0.02 <= value < 0.15 for value in tags(tmp_path, "data_time"))
    assert all(0.03 <= value < 0.2 for value in tags(tmp_path, "time"))
    assert len(records(tmp_path)) == 2


def test_val_loop_between_two_steps(make_run: MakeRun, tmp_path: Path) -> None:
    """Its record follows that of the step before; what is logged for train behind it is that step's, too."""
    with make_run(interval=1, by_epoch=False) as run:
        loop = run.drive(max_iters=2)
        step(loop)
        loop.count_step()
        val = run.drive("val")
        step(val)
        val.length = 1
        val.close()
        run.log({"val/acc": 0.5, "train/extra": 1})
        loop.close()
    assert headers(tmp_path) == ["Iter(train) [1/2]", "Iter(val) [1/1]  ".strip(), "Iter(train) [1/2]"]
    assert tags(tmp_path, "acc") == [0.5]
    assert tags(tmp_path, "extra") == [1]
    assert [record["iter"] for record in records(tmp_path)] == [1, 1, 1]


def test_val_scalars_between_two_steps(make_run: MakeRun, tmp_path: Path) -> None:
    """They belong to the step before, once it is counted."""
    with make_run(interval=1, by_epoch=False) as run:
        loop = run.drive(max_iters=2)
        step(loop)
        loop.count_step()
        run.log({"val/acc": 0.5})
        loop.begin_step()
        run.log({"val/acc": 0.5})
    assert [record["iter"] for record in records(tmp_path) if record["mode"] == "val"] == [1, 2]


def test_step_that_is_not_over_is_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    """A loop that ends inside of a step has not made it."""
    with make_run(interval=1) as run:
        loop = run.drive(length=3)
        step(loop)
        loop.begin_step()
    assert loop.closed
    assert headers(tmp_path) == ["Epoch(train) [1][1/3]"]


def test_mistakes(make_run: MakeRun) -> None:
    """A wrong mode or number is told, before anything begins."""
    run = make_run()
    with pytest.raises(ConfigError, match="'eval'"):
        run.drive("eval")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="interval"):
        run.drive(interval=0)
    with pytest.raises(ConfigError, match="start"):
        run.drive(start=-1)
