"""Val and test loops: one record each, alone, in an epoch or inside a train loop."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import headers, records, tags


def test_val_inside_a_train_iteration(make_run: MakeRun, tmp_path: Path) -> None:
    """A val loop inside the train loop counts no train iteration, and its time is not the iteration's."""
    with make_run(by_epoch=False, interval=1) as run:
        for value in run.train(range(3), max_iters=3):
            run.log(loss=value)
            if value == 1:
                for _ in run.val(range(2)):
                    time.sleep(0.1)
                    run.log(acc=1.0)
    found = records(tmp_path)
    assert [(record["mode"], record["iter"]) for record in found] == [
        ("train", 1),
        ("val", 2),
        ("train", 2),
        ("train", 3),
    ]
    assert found[2]["tags"]["time"] < 0.1
    assert found[1]["tags"]["time"] >= 0.1
    assert tags(tmp_path, "loss") == [0.0, 0.5, 1.0]


def test_val_inside_an_epoch_based_train_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """A val loop inside an epoch has the number of that epoch."""
    with make_run(interval=2) as run:
        for _epoch in run.epochs(1):
            for value in run.train(range(2)):
                run.log(loss=value)
                for _ in run.val(range(1)):
                    run.log(acc=1.0)
    assert [(record["mode"], record["epoch"], record["iter"]) for record in records(tmp_path)] == [
        ("val", 1, 1),
        ("val", 1, 2),
        ("train", 1, 2),
    ]


def test_val_left_by_an_exception_inside_train(make_run: MakeRun, tmp_path: Path) -> None:
    """A val loop that an exception leaves is summed up, and the train loop goes on."""

    def validate(run: otel_mmlog.Run) -> None:
        for batch in run.val(range(5)):
            run.log(acc=batch)
            raise KeyError(batch)

    with make_run(interval=1) as run:
        for value in run.train(range(2)):
            run.log(loss=value)
            if value == 0:
                with pytest.raises(KeyError):
                    validate(run)
    assert [record["mode"] for record in records(tmp_path)] == ["val", "train", "train"]


def test_val_summary_is_weighted_by_count(make_run: MakeRun, tmp_path: Path) -> None:
    """The summary is the mean over the items, not over the batches; each loop stands for itself."""
    with make_run() as run:
        for shift in (0, 10):
            for value, count in run.val([(1.0 + shift, 3), (2.0 + shift, 1)]):
                run.log(acc=value, count=count)
    assert tags(tmp_path, "acc") == [1.25, 11.25]


def test_logged_behind_the_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """What is logged right after a val loop is in its record and stands for itself."""
    with make_run() as run:
        for _epoch in run.epochs(2):
            for value in run.val(range(3)):
                run.log(batch_acc=value, acc=0.0)
            run.log(acc=0.75)
            run.log({"per_class/cat": 0.5})
    found = records(tmp_path)
    assert len(found) == 2
    assert all(record["tags"]["acc"] == 0.75 for record in found)
    assert all(record["tags"]["per_class/cat"] == 0.5 for record in found)
    assert all(record["tags"]["batch_acc"] == 1.0 for record in found)


def test_test_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """A test loop gives one record of its own mode."""
    with make_run() as run:
        for value in run.test(range(4)):
            run.log(acc=value)
    assert headers(tmp_path) == ["Epoch(test) [4/4]"]
    assert tags(tmp_path, "acc") == [1.5]
    assert [record["event_name"] for record in records(tmp_path)] == ["mmlog.test.epoch"]


def test_integer_of_numpy_is_a_count(make_run: MakeRun, tmp_path: Path) -> None:
    """A count may be any integer, such as numpy's."""
    with make_run() as run:
        for value, count in run.val([(1.0, np.int64(3)), (2.0, torch.tensor(1))]):
            run.log(acc=value, count=count)
    assert tags(tmp_path, "acc") == [1.25]


def test_val_loop_left_by_break(make_run: MakeRun, tmp_path: Path) -> None:
    """The batch in which a val loop is left counts if something was logged in it, with its time."""
    with make_run() as run:
        for batch in run.val(range(5)):
            time.sleep(0.02)
            run.log(acc=batch)
            if batch == 1:
                break
    assert tags(tmp_path, "acc") == [0.5]
    assert [value >= 0.02 for value in tags(tmp_path, "time")] == [True]
    assert run.hub.get_scalar("val/time").total == 2
