"""The MMEngine line, character by character."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from otel_mmlog.core.line import epoch_line, iter_line
from otel_mmlog.core.progress import Progress

TRAIN = Progress(
    "train", by_epoch=True, epoch=9, iter=90, batch_idx=9, loader_len=270, max_epochs=12, max_iters=3240
)


def line(progress: Progress, values: Any = (), rates: Any = (), **kwargs: Any) -> str:
    return iter_line(progress, dict(values), dict(rates), num_digits=4, **kwargs)


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({}, "Epoch(train)  [9][ 10/270]    "),
        ({"max_epochs": 9}, "Epoch(train) [9][ 10/270]    "),
        ({"max_epochs": 100}, "Epoch(train)   [9][ 10/270]    "),
        ({"max_epochs": None}, "Epoch(train) [9][ 10/270]    "),
        ({"loader_len": None}, "Epoch(train)  [9][10/?]    "),
        ({"mode": "val"}, "Epoch(val)  [9][ 10/270]    "),
        ({"mode": "val", "epoch": 0, "max_epochs": None}, "Epoch(val)[0][ 10/270]    "),
        ({"mode": "test"}, "Epoch(test) [ 10/270]    "),
        ({"by_epoch": False}, "Iter(train) [  90/3240]    "),
        ({"by_epoch": False, "max_iters": None}, "Iter(train) [90/?]    "),
        ({"by_epoch": False, "mode": "val"}, "Iter(val) [ 10/270]    "),
    ],
)
def test_headers(changes: dict[str, Any], header: str) -> None:
    """Counters are as wide as their ends; an unknown end is a question mark."""
    assert line(replace(TRAIN, **changes)) == header


def test_whole_line() -> None:
    """Rates, eta and times, memory and the rest have their places, and ints no decimals."""
    text = line(
        replace(TRAIN, eta_s=93_784.9),
        {"time": 0.5, "n": 3, "data_time": 0.25, "loss": 1.23456},
        {"lr": 0.01, "base_lr": 1},
        memory_mib=77,
    )
    assert text == (
        "Epoch(train)  [9][ 10/270]  lr: 1.0000e-02 base_lr: 1.0000e+00  eta: 1 day, 2:03:04  time: 0.5000  "
        "data_time: 0.2500  memory: 77  n: 3  loss: 1.2346"
    )


def test_no_eta() -> None:
    """Without an eta the times are ordinary values."""
    assert line(TRAIN, {"time": 0.5, "data_time": 1}).endswith("    time: 0.5000  data_time: 1")


@pytest.mark.parametrize(
    ("eta_s", "text"), [(math.nan, "?"), (math.inf, "?"), (1e300, "?"), (-1.5, "-1 day, 23:59:59")]
)
def test_odd_eta(eta_s: float, text: str) -> None:
    """An eta that is no time does not stop training."""
    assert f"eta: {text}  time" in line(replace(TRAIN, eta_s=eta_s), {"time": 1.0, "data_time": 1.0})


def test_odd_values() -> None:
    """NaN, Inf, bools and whatever a statistic returns are shown."""
    values = {"a": math.nan, "b": -math.inf, "c": True, "d": "text", "e": -0.00001}
    assert line(TRAIN, values, {"lr": "x"}).endswith("lr: x  a: nan  b: -inf  c: True  d: text  e: -0.0000")


def test_val_iter() -> None:
    """Inside a val loop only losses are shown, inside a test loop nothing."""
    values = {"acc": 1.0, "val/loss_x": 2.0}
    assert line(replace(TRAIN, mode="val"), values).endswith("val/loss_x: 2.0000")
    assert line(replace(TRAIN, mode="test"), values) == "Epoch(test) [ 10/270]    "


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"mode": "val"}, "Epoch(val) [9][270/270]    "),
        ({"mode": "test"}, "Epoch(test) [270/270]    "),
        ({"mode": "val", "by_epoch": False}, "Iter(val) [270/270]    "),
        ({"mode": "val", "loader_len": None}, "Epoch(val) [9][10/10]    "),
    ],
)
def test_epoch_headers(changes: dict[str, Any], header: str) -> None:
    """The summary counts the whole loader, or as many batches as there were."""
    assert epoch_line(replace(TRAIN, **changes), [], num_digits=4) == header


def test_epoch_values() -> None:
    """Arrays and tensors get lines of their own, and a name may come twice."""
    values = [
        ("acc", 0.5),
        ("cm", np.array([1, 2])),
        ("t", torch.tensor([1, 2])),
        ("acc", {"cat": 1}),
        ("n", 3),
    ]
    assert epoch_line(replace(TRAIN, mode="test"), values, num_digits=2) == (
        "Epoch(test) [270/270]    acc: 0.50  cm: \n[1 2]\n  t: \ntensor([1, 2])\n  acc: {'cat': 1}  n: 3"
    )


class Unprintable:
    """What a statistic of a user's may return."""

    def __format__(self, _spec: str) -> str:
        raise RuntimeError("no")


def test_a_value_that_raises_costs_its_own_place() -> None:
    """The line goes on behind it, and one value takes no more than 64 KiB of it."""
    text = line(TRAIN, {"a": 1.0, "bad": Unprintable(), "long": "x" * 1_000_000, "b": 2.0})
    assert "a: 1.0000  bad: <unprintable Unprintable: RuntimeError>  long: xxx" in text
    assert text.endswith("xxx... (1000000 characters)  b: 2.0000")
    assert len(text) < 70_000
