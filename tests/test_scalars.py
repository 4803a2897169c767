"""What ``run.log`` takes, and what it does with what is no number."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import events, json_lines, read_journals, records, tags, text_lines


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


def test_tensors(make_run: MakeRun, tmp_path: Path) -> None:
    """Tensors of one element, of any dtype and with a gradient, are numbers."""
    with make_run(interval=1) as run:
        for _ in run.train(range(1)):
            loss = torch.tensor([2.0], requires_grad=True)
            run.log(loss=loss * 2, half=torch.tensor(0.5, dtype=torch.bfloat16), n=torch.tensor(3))
    (record,) = records(tmp_path)
    assert [record["tags"][name] for name in ("loss", "half", "n")] == [4.0, 0.5, 3]


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", True])
def test_wrong_count(make_run: MakeRun, tmp_path: Path, count: Any) -> None:
    """A wrong count costs the call and is told; training goes on."""
    with make_run(interval=1) as run:
        for _ in run.train(range(1)):
            run.log(loss=1.0, count=count)
            run.log(loss=3.0)
    assert tags(tmp_path, "loss") == [3.0]
    assert any("count is" in line["event"] for line in events(tmp_path))


class Rude:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


@pytest.mark.parametrize(
    "value",
    [
        "x",
        None,
        [1, 2],
        torch.zeros(2),
        1j,
        torch.tensor(1j),
        object(),
        Rude(),
        10**400,
        torch.empty((), device="meta"),
    ],
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
    assert tags(tmp_path, "n") == [2.0**70]


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
