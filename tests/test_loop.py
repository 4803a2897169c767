"""Plain loops: which iteration, epoch and record a scalar belongs to."""

import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import events, json_lines, read_journals, records, text_lines


def headers(work_dir: Path) -> list[str]:
    """``Epoch(train) [1][10/25]`` of each record, spaces inside kept."""
    return [record["event"].split("  ")[0] for record in records(work_dir)]


def tags(work_dir: Path, name: str) -> list[Any]:
    """The values of one tag over the records that have it."""
    return [record["tags"][name] for record in records(work_dir) if name in record["tags"]]


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
    run = make_run()
    with pytest.raises(ZeroDivisionError), run:
        for _epoch in run.epochs(2):
            for value in run.train(range(25)):
                run.log(loss=value)
                if value == 2:
                    raise ZeroDivisionError("boom")
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
    loop.close()  # type: ignore[attr-defined]  # a generator is what it is
    assert len(records(tmp_path)) == 1


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
    with make_run(interval=1) as run:
        for value in run.train(range(2)):
            run.log(loss=value)
            if value == 0:
                with pytest.raises(KeyError):
                    for batch in run.val(range(5)):
                        run.log(acc=batch)
                        raise KeyError(batch)
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


def test_several_calls_add_up(make_run: MakeRun, tmp_path: Path) -> None:
    """Several calls belong to one iteration; the same name twice is two updates of it."""
    with make_run(interval=2) as run:
        for value in run.train(range(2)):
            run.log(loss=value)
            run.log(loss=value + 10, other=1)
            run.log({"a/b": 3, "loss_c/d": 4.0})
    (record,) = records(tmp_path)
    assert record["iter"] == 2
    assert record["tags"]["loss"] == (0 + 10 + 1 + 11) / 4
    assert (record["tags"]["a/b"], record["tags"]["loss_c/d"], record["tags"]["other"]) == (3, 4.0, 1)


def test_full_names_are_taken_as_they_are(make_run: MakeRun, tmp_path: Path) -> None:
    """``train/loss`` inside a train loop is its ``loss``."""
    with make_run(interval=1) as run:
        for _ in run.train(range(1)):
            run.log({"train/loss": 1.0})
    assert tags(tmp_path, "loss") == [1.0]
    assert list(run.hub.log_scalars) == ["train/loss", "train/data_time", "train/time"]


def test_hub_of_the_model(make_run: MakeRun, tmp_path: Path) -> None:
    """A model reaches the run's hub as in MMEngine."""
    with make_run(interval=1) as run:
        assert otel_mmlog.MessageHub.get_current_instance() is run.hub
        for _ in run.train(range(1)):
            otel_mmlog.MessageHub.get_current_instance().update_scalar("train/loss_tmp", 2.0)
    assert tags(tmp_path, "loss_tmp") == [2.0]


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


def test_tensors(make_run: MakeRun, tmp_path: Path) -> None:
    """Tensors of one element, of any dtype and with a gradient, are numbers."""
    with make_run(interval=1) as run:
        for _ in run.train(range(1)):
            loss = torch.tensor([2.0], requires_grad=True)
            run.log(loss=loss * 2, half=torch.tensor(0.5, dtype=torch.bfloat16), n=torch.tensor(3))
    (record,) = records(tmp_path)
    assert [record["tags"][name] for name in ("loss", "half", "n")] == [4.0, 0.5, 3]


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


def test_custom_rules(make_run: MakeRun, tmp_path: Path) -> None:
    """Several rules on one scalar: windows as numbers, over the epoch and over everything."""
    rules = [
        {"data_src": "loss", "method_name": "max", "window_size": 2, "log_name": "loss_max"},
        {"data_src": "loss", "method_name": "mean", "window_size": "epoch", "log_name": "loss_epoch"},
        {"data_src": "loss", "method_name": "min", "window_size": "global", "log_name": "loss_low"},
    ]
    with make_run(interval=4, custom_cfg=rules) as run:
        for epoch in run.epochs(2):
            for value in run.train(range(4)):
                run.log(loss=value + 10 * epoch)
    assert tags(tmp_path, "loss_max") == [3, 13]
    assert tags(tmp_path, "loss_epoch") == [1.5, 11.5]
    assert tags(tmp_path, "loss_low") == [0, 0]


def test_unknown_statistic_is_told_when_training_starts(make_run: MakeRun) -> None:
    """A method that is not registered is an error at ``train``, not at the first record."""
    run = make_run(
        custom_cfg=[{"data_src": "loss", "method_name": "meen", "log_name": "x", "window_size": 2}]
    )
    with pytest.raises(otel_mmlog.UnknownStatisticError, match="meen"):
        run.train([1])


def test_source_that_never_comes_is_told_once(make_run: MakeRun, tmp_path: Path) -> None:
    """A rule whose scalar no loop logged is one WARNING with the nearest name."""
    with make_run(custom_cfg=[{"data_src": "los", "method_name": "max", "log_name": "x"}]) as run:
        for _epoch in run.epochs(3):
            for value in run.train(range(3)):
                run.log(loss=value)
    warnings = [line["event"] for line in json_lines(tmp_path / "tmp.jsonl") if line["level"] == "WARNING"]
    assert len(warnings) == 1
    assert "'los'" in warnings[0]
    assert "'loss'" in warnings[0]


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", True])
def test_wrong_count(make_run: MakeRun, tmp_path: Path, count: Any) -> None:
    """A wrong count costs the call and is told; training goes on."""
    with make_run(interval=1) as run:
        for _ in run.train(range(1)):
            run.log(loss=1.0, count=count)
            run.log(loss=3.0)
    assert tags(tmp_path, "loss") == [3.0]
    assert any("count is" in line["event"] for line in events(tmp_path))


def test_integer_of_numpy_is_a_count(make_run: MakeRun, tmp_path: Path) -> None:
    """A count may be any integer, such as numpy's."""
    with make_run() as run:
        for value, count in run.val([(1.0, np.int64(3)), (2.0, torch.tensor(1))]):
            run.log(acc=value, count=count)
    assert tags(tmp_path, "acc") == [1.25]


class Rude:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


@pytest.mark.parametrize(
    "value",
    ["x", None, [1, 2], torch.zeros(2), 1j, torch.tensor(1j), object(), Rude(), 10**400, torch.empty((), device="meta")],
    ids=lambda value: type(value).__name__,
)
def test_wrong_value_is_told_once_and_counted(make_run: MakeRun, tmp_path: Path, value: Any) -> None:
    """What is no number costs itself, is told once, and is in the count at the end; nothing is raised."""
    with make_run(interval=1) as run:
        for _ in run.train(range(3)):
            run.log(loss=1.0, bad=value, other=2.0)
    found = json_lines(tmp_path / "tmp.jsonl")
    assert len([line for line in found if line["level"] == "WARNING" and "'bad'" in line["event"]]) == 1
    assert any("3 values left out" in line["event"] for line in found)
    assert tags(tmp_path, "loss") == [1.0] * 3
    assert tags(tmp_path, "other") == [2.0] * 3


def test_large_integers(make_run: MakeRun, tmp_path: Path) -> None:
    """An int beyond 64 bits is a number all the same, in every output."""
    with make_run(interval=1) as run:
        for _ in run.train(range(1)):
            run.log(loss=1.0, n=2**70)
    assert tags(tmp_path, "loss") == [1.0]
    assert [float(value) for value in tags(tmp_path, "n")] in ([2.0**70], [])


def test_nan_and_infinity_are_data(make_run: MakeRun, tmp_path: Path) -> None:
    """A diverged loss is in text, JSON and points."""
    with make_run(interval=1, window_size=1) as run:
        for value in run.train([math.nan, math.inf, -math.inf]):
            run.log(loss=value)
    assert tags(tmp_path, "loss") == ["NaN", "Infinity", "-Infinity"]
    lines = [line for line in text_lines(tmp_path / "tmp.log") if "Epoch(train)" in line]
    assert [line.split("loss: ")[1].split()[0] for line in lines] == ["nan", "inf", "-inf"]
    points = [
        point.value
        for point in read_journals(tmp_path).points
        if point.name == "mmlog.train.loss" and not point.flags
    ]
    assert [str(value) for value in points] == ["nan", "inf", "-inf"]


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


def test_failing_statistic_costs_its_own_tag(make_run: MakeRun, tmp_path: Path) -> None:
    """A registered statistic that raises is told once; the record, its other rules and training go on."""

    def failing(_history: Any, window_size: int = 1) -> float:
        raise RuntimeError("no such luck")

    otel_mmlog.HistoryBuffer.register_statistics(failing)
    rules = [
        {"data_src": "loss", "method_name": "failing", "log_name": "x", "window_size": 2},
        {"data_src": "loss", "method_name": "max", "log_name": "loss_max", "window_size": 2},
    ]
    try:
        with make_run(interval=1, custom_cfg=rules) as run:
            for value in run.train(range(3)):
                run.log(loss=value)
            run.logger.info("after")
    finally:
        del otel_mmlog.HistoryBuffer._statistics_methods["failing"]
    told = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert len(told) == 1
    assert "no such luck" in told[0]
    assert [record["tags"]["loss"] for record in records(tmp_path)] == [0.0, 0.5, 1.0]
    assert tags(tmp_path, "loss_max") == [0, 1, 2]
    assert tags(tmp_path, "x") == []
    assert events(tmp_path)[-1]["event"] == "after"


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


def test_loop_spans(make_run: MakeRun, tmp_path: Path) -> None:
    """Run, train, epoch, val and checkpoint nest, in one trace."""
    with make_run() as run:
        for _epoch in run.epochs(1):
            for value in run.train(range(2)):
                run.log(loss=value)
            for value in run.val(range(2)):
                run.log(acc=value)
            with run.checkpoint(tmp_path / "a.pt") as path:
                path.write_text("x")
    spans = read_journals(tmp_path).spans
    names = {span.span_id: span.name for span in spans}
    assert {span.name: names.get(span.parent_id, "") for span in spans} == {
        "mmlog.run": "",
        "mmlog.train": "mmlog.run",
        "mmlog.epoch": "mmlog.train",
        "mmlog.val": "mmlog.epoch",
        "mmlog.checkpoint.save": "mmlog.epoch",
    }
    assert len({span.trace_id for span in spans}) == 1
    assert len(spans) == 5
    assert all(span.start_ns <= span.end_ns for span in spans)


def test_records_are_inside_their_spans(make_run: MakeRun, tmp_path: Path) -> None:
    """A record's log record carries the ids of the epoch's span; a val summary those of what surrounds its loop."""
    with make_run(interval=1) as run:
        for _epoch in run.epochs(1):
            for value in run.train(range(1)):
                run.log(loss=value)
    journals = read_journals(tmp_path)
    epoch = next(span for span in journals.spans if span.name == "mmlog.epoch")
    (record,) = [log for log in journals.logs if log.event_name == "mmlog.train.iter"]
    assert (record.trace_id, record.span_id) == (epoch.trace_id, epoch.span_id)
