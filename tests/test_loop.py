"""Plain loops: which iteration, epoch and record a scalar belongs to."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import DataLoader, IterableDataset

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import events, headers, read_journals, records, tags, text_lines


def test_five_lines(make_run: MakeRun, tmp_path: Path) -> None:
    """Epochs, iterations, times, ETA and the val summary come by themselves."""
    with make_run() as run:
        for _epoch in run.epochs(2):
            for value in run.train(range(25)):
                run.log(loss=value, lr=0.1)
            for value in run.val(range(3)):
                run.log(accuracy=value / 2)
    assert headers(tmp_path) == [
        "Epoch(train) [1][10/25]",
        "Epoch(train) [1][20/25]",
        "Epoch(train) [1][25/25]",
        "Epoch(val) [1][3/3]",
        "Epoch(train) [2][10/25]",
        "Epoch(train) [2][20/25]",
        "Epoch(train) [2][25/25]",
        "Epoch(val) [2][3/3]",
    ]
    train = [record for record in records(tmp_path) if record["mode"] == "train"]
    assert [(record["epoch"], record["iter"], record["step"]) for record in train] == [
        (1, 10, 10),
        (1, 20, 20),
        (1, 25, 25),
        (2, 35, 35),
        (2, 45, 45),
        (2, 50, 50),
    ]
    assert all(list(record["tags"])[:3] == ["lr", "time", "data_time"] for record in train)
    assert all({"eta", "epoch", "iter", "loss"} <= set(record["tags"]) for record in train)
    assert tags(tmp_path, "loss") == [4.5, 14.5, 19.5] * 2
    assert tags(tmp_path, "accuracy") == [0.5, 0.5]
    val = [record for record in records(tmp_path) if record["mode"] == "val"]
    assert [(record["epoch"], record["iter"], record["step"]) for record in val] == [(1, 25, 1), (2, 50, 2)]


def test_text_line(make_run: MakeRun, tmp_path: Path) -> None:
    """The text file has MMEngine's line of each record."""
    with make_run(interval=1) as run:
        for _epoch in run.epochs(1):
            for value in run.train([0.5]):
                run.log(loss=value, lr=0.01)
    (line,) = [line for line in text_lines(tmp_path / "tmp.log") if "Epoch(train)" in line]
    assert " - mmengine - INFO - Epoch(train) [1][1/1]  lr: 1.0000e-02  eta: 0:00:00  time: 0.0" in line
    assert line.endswith("  loss: 0.5000")


def test_iterations_repeat_the_loader(make_run: MakeRun, tmp_path: Path) -> None:
    """With ``by_epoch=False`` the loader is begun anew until ``max_iters`` is reached."""
    seen: list[int] = []
    with make_run(by_epoch=False, interval=4) as run:
        for value in run.train(range(3), max_iters=10):
            seen.append(value)
            run.log(loss=value)
    assert seen == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert headers(tmp_path) == ["Iter(train) [ 4/10]", "Iter(train) [ 8/10]", "Iter(train) [10/10]"]
    assert all(math.isfinite(eta) for eta in tags(tmp_path, "eta"))


def test_iterations_without_an_end(make_run: MakeRun, tmp_path: Path) -> None:
    """With ``by_epoch=False`` and no ``max_iters`` the loader is passed once, and its length is the end."""
    with make_run(by_epoch=False, interval=2) as run:
        for value in run.train(range(3)):
            run.log(loss=value)
    assert headers(tmp_path) == ["Iter(train) [2/3]", "Iter(train) [3/3]"]


def test_new_pass_shuffles_anew(make_run: MakeRun) -> None:
    """A distributed sampler is told of each new pass over its loader."""
    told: list[int] = []

    class Loader:
        sampler: "Loader"

        def __init__(self) -> None:
            self.sampler = self

        def __iter__(self) -> Iterator[int]:
            return iter(range(2))

        def set_epoch(self, epoch: int) -> None:
            told.append(epoch)

    with make_run(by_epoch=False) as run:
        assert len(list(run.train(Loader(), max_iters=6))) == 6
    assert told == [1, 2]


def test_max_iters_by_epoch(make_run: MakeRun, tmp_path: Path) -> None:
    """``max_iters`` ends an epoch-based training too, in the middle of an epoch."""
    with make_run(interval=2) as run:
        for _epoch in run.epochs(3):
            for value in run.train(range(4), max_iters=6):
                run.log(loss=value)
    assert [record["iter"] for record in records(tmp_path)] == [2, 4, 6]


def test_empty_loader_ends(make_run: MakeRun, tmp_path: Path) -> None:
    """An empty loader makes no record, and is not begun anew for ever."""
    with make_run(by_epoch=False) as run:
        assert list(run.train([], max_iters=5)) == []
        assert list(run.val([])) == []
    assert [record["mode"] for record in records(tmp_path)] in ([], ["val"])


def test_last_partial_interval_is_left_out_on_request(make_run: MakeRun, tmp_path: Path) -> None:
    """``ignore_last`` is MMEngine's way: no record of the rest, but one for a loader shorter than the interval."""
    with make_run(ignore_last=True) as run:
        for _epoch in run.epochs(2):
            for length in (25, 5):
                for value in run.train(range(length)):
                    run.log(loss=value)
    found = [record["event"].split("[")[2].split("]")[0] for record in records(tmp_path)]
    assert found == ["10/25", "20/25", "5/5"] * 2


def test_two_loaders_in_one_epoch(make_run: MakeRun, tmp_path: Path) -> None:
    """Two train loops inside one epoch belong to that epoch."""
    with make_run() as run:
        for _epoch in run.epochs(2):
            for _loop in range(2):
                for value in run.train(range(2)):
                    run.log(loss=value)
    assert headers(tmp_path) == ["Epoch(train) [1][2/2]"] * 2 + ["Epoch(train) [2][2/2]"] * 2


@pytest.mark.parametrize(("logged", "iterations"), [(True, 4), (False, 3)])
def test_break(make_run: MakeRun, tmp_path: Path, logged: bool, iterations: int) -> None:
    """At ``break`` the iteration counts if something was logged in it; the rest of the interval is a record."""
    with make_run() as run:
        for value in run.train(range(25)):
            if value == 3 and not logged:
                break
            run.log(loss=value)
            if value == 3:
                break
        run.logger.info("after")
    found = events(tmp_path)
    assert [line["event"].split("  ")[0] for line in found] == [
        f"Epoch(train) [1][ {iterations}/25]",
        "after",
    ]
    assert found[0]["tags"]["loss"] == sum(range(iterations)) / iterations


def test_exception_in_the_body(make_run: MakeRun, tmp_path: Path) -> None:
    """The record of what was logged before an exception is there, then the exception."""

    def diverge(run: otel_mmlog.Run) -> None:
        for _epoch in run.epochs(2):
            for value in run.train(range(25)):
                run.log(loss=value)
                1 / (2 - value)

    with pytest.raises(ZeroDivisionError), make_run() as run:
        diverge(run)
    record, error = events(tmp_path)
    assert (record["iter"], record["tags"]["loss"]) == (3, 1.0)
    assert error["exception"]["type"] == "ZeroDivisionError"
    spans = {span.name: span for span in read_journals(tmp_path).spans}
    assert set(spans) == {"mmlog.run", "mmlog.train", "mmlog.epoch"}
    assert spans["mmlog.run"].status == 2


def test_last_record_comes_without_with(make_run: MakeRun, tmp_path: Path) -> None:
    """``close`` ends the loops that are still open."""
    run = make_run()
    loop = run.train(range(25))
    next(loop)
    run.log(loss=1.0)
    assert run.close()
    assert [record["iter"] for record in records(tmp_path)] == [1]
    loop.close()
    assert len(records(tmp_path)) == 1


def test_loaders_without_length(make_run: MakeRun, tmp_path: Path) -> None:
    """Generators and iterable datasets have no length: the line says so, and nothing fails."""

    class Stream(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(range(4))

    with make_run(interval=4) as run:
        for _epoch in run.epochs(1):
            for value in run.train(value for value in range(4)):
                run.log(loss=value)
            for batch in run.val(DataLoader(Stream(), batch_size=2)):
                run.log(acc=batch.float().mean())
    assert headers(tmp_path) == ["Epoch(train) [1][4/?]", "Epoch(val) [1][2/2]"]
    assert tags(tmp_path, "eta") == []
    assert tags(tmp_path, "acc") == [1.5]


def test_endless_loader(make_run: MakeRun, tmp_path: Path) -> None:
    """An endless loader is left at ``max_iters``."""
    with make_run(by_epoch=False, interval=5) as run:
        for value in run.train(itertools.count(), max_iters=10):
            run.log(loss=value)
    assert headers(tmp_path) == ["Iter(train) [ 5/10]", "Iter(train) [10/10]"]


@pytest.mark.parametrize(("n", "start"), [(-1, None), (1.5, None), (True, None), (3, -1), (3, "0")])
def test_wrong_epochs(make_run: MakeRun, n: Any, start: Any) -> None:
    """A wrong number of epochs is an error at once, not at the first step."""
    with pytest.raises(otel_mmlog.ConfigError, match="whole number"):
        make_run().epochs(n, start)


@pytest.mark.parametrize("max_iters", [0, -5, 1.5])
def test_wrong_max_iters(make_run: MakeRun, max_iters: Any) -> None:
    """A wrong ``max_iters`` is an error at once."""
    with pytest.raises(otel_mmlog.ConfigError, match="max_iters is"):
        make_run().train([1], max_iters=max_iters)


def test_epochs_from_a_start(make_run: MakeRun, tmp_path: Path) -> None:
    """``start`` is the first epoch, counted from 0; what is behind the end is no epoch."""
    with make_run(interval=2) as run:
        for _epoch in run.epochs(3, start=2):
            for value in run.train(range(2)):
                run.log(loss=value)
        assert list(run.epochs(3, start=3)) == []
    assert headers(tmp_path) == ["Epoch(train) [3][2/2]"]


def test_second_training_starts_at_0(make_run: MakeRun) -> None:
    """Neither an earlier training nor a loop outside of ``epochs`` shortens the next training."""
    with make_run() as run:
        assert len(list(run.train(range(3)))) == 3
        assert list(run.epochs(2)) == [0, 1]
        assert list(run.epochs(3)) == [0, 1, 2]


def test_close_inside_a_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """A run that is closed in the middle of its loop writes the record; the loop itself goes on."""
    run = make_run()
    seen = []
    for _epoch in run.epochs(1):
        for value in run.train(range(5)):
            seen.append(value)
            if not run.closed:
                run.log(loss=value)
            if value == 1:
                run.close()
    assert seen == [0, 1, 2, 3, 4]
    assert [record["iter"] for record in records(tmp_path)] == [2]


def test_loader_that_raises(make_run: MakeRun, tmp_path: Path) -> None:
    """An exception of the loader goes through, and what was logged before it is a record."""

    def broken() -> Iterator[int]:
        yield 0
        raise OSError("disk")

    def go_through(run: otel_mmlog.Run) -> None:
        for value in run.train(broken()):
            run.log(loss=value)

    with make_run() as run, pytest.raises(OSError, match="disk"):
        go_through(run)
    assert [record["iter"] for record in records(tmp_path)] == [1]
