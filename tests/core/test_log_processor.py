"""Records: their tags, sources and text, in the way that plain loops use them."""

import math
import sys
import time
import types
from typing import Any

import numpy as np
import pytest

from otel_mmlog.core.errors import ConfigError, ModeError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.core.memory import has_device, peak_memory_mib
from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import Source
from otel_mmlog.core.unseen import unseen_warning

TRAIN = Progress(
    "train", by_epoch=True, epoch=1, iter=20, batch_idx=19, loader_len=25, max_epochs=3, eta_s=61.5
)
VAL = Progress("val", by_epoch=True, epoch=1, iter=25, batch_idx=4, loader_len=5, max_epochs=3)


def train_hub() -> MessageHub:
    hub = MessageHub("train")
    for index in range(20):
        hub.update_scalar("train/data_time", 0.25)
        hub.update_scalar("train/loss", np.float32(index))
        hub.update_scalar("train/time", 0.5)
        hub.update_scalar("train/n", index)
        hub.update_scalar("train/lr", 0.01)
        hub.update_scalar("training_note", 5)
    return hub


def test_iter_record() -> None:
    """A record has plain tags in the line's order, the sources of those that are not current, and the line."""
    rules: list[dict[str, Any]] = [
        {"data_src": "loss", "method_name": "max", "window_size": "global", "log_name": "loss_max"},
        {"data_src": "n", "method_name": "min", "window_size": "epoch", "log_name": "n_min"},
        {"data_src": "loss", "method_name": "mean", "window_size": 4, "log_name": "loss_4"},
        {"data_src": "n", "method_name": "current", "log_name": "n_now"},
    ]
    record = LogProcessor(custom_cfg=rules).after_iter(train_hub(), TRAIN, time_ns=7, rank=3, memory_mib=12)
    assert list(record.tags.items()) == [
        ("lr", 0.01), ("time", 0.5), ("data_time", 0.25), ("loss", 14.5), ("n", 19), ("loss_max", 19.0), ("n_min", 0),
        ("loss_4", 17.5), ("n_now", 19), ("memory", 12), ("epoch", 1), ("iter", 20), ("eta", 61.5),
    ]  # fmt: skip
    assert {type(value) for value in record.tags.values()} == {int, float}
    assert record.sources == {
        "time": Source("mean", "10"), "data_time": Source("mean", "10"), "loss": Source("mean", "10"),
        "loss_max": Source("max", "global"), "n_min": Source("min", "epoch"), "loss_4": Source("mean", "4"),
    }  # fmt: skip
    assert record.text == (
        "Epoch(train) [1][20/25]  lr: 1.0000e-02  eta: 0:01:01  time: 0.5000  data_time: 0.2500  memory: 12  "
        "loss: 14.5000  n: 19  loss_max: 19.0000  n_min: 0  loss_4: 17.5000  n_now: 19"
    )
    assert (record.kind, record.progress, record.time_ns, record.rank) == ("iter", TRAIN, 7, 3)


def test_overwriting_rule() -> None:
    """A rule without a log_name takes the place of the default, tag and source."""
    rules: list[dict[str, Any]] = [
        {"data_src": "loss", "method_name": "current"},
        {"data_src": "n", "method_name": "max", "window_size": 2},
    ]
    record = LogProcessor(custom_cfg=rules).after_iter(train_hub(), TRAIN, time_ns=0)
    assert record.tags["loss"] == 19
    assert "loss" not in record.sources
    assert record.sources["n"] == Source("max", "2")


def test_hierarchy() -> None:
    """With hierarchy the tags keep their loop's name and order, the line does not show it."""
    record = LogProcessor(log_with_hierarchy=True).after_iter(train_hub(), TRAIN, time_ns=0)
    names = ["train/lr", "train/time", "train/data_time", "train/loss", "train/n", "epoch", "iter", "eta"]
    assert list(record.tags) == names
    assert record.text == LogProcessor().after_iter(train_hub(), TRAIN, time_ns=0).text


def test_bools_are_ints() -> None:
    """A bool is shown as one and leaves as a number."""
    hub = MessageHub("bools")
    hub.update_scalar("train/found", value=True)
    record = LogProcessor().after_iter(hub, TRAIN, time_ns=0)
    assert record.text.endswith("found: True")
    assert record.tags["found"] == 1
    assert type(record.tags["found"]) is int


def test_wild_values() -> None:
    """NaN, Inf and sums that overflow are values like others and warn of nothing."""
    hub = MessageHub("wild")
    for value in (math.inf, -math.inf):
        hub.update_scalar("train/loss", value)
    for _ in range(3):
        hub.update_scalar("train/grad_norm", 1.7e308)
    record = LogProcessor().after_iter(hub, TRAIN, time_ns=0)
    assert record.text.endswith("loss: nan  grad_norm: inf")


def val_hub() -> MessageHub:
    hub = MessageHub("val")
    hub.update_scalar("val/old", 1.0)
    for loop in range(2):
        for index in range(5):
            hub.update_weighted("val/acc", loop + index / 10, 1 + index)
            hub.update_scalar("val/time", 0.5)
            hub.update_scalar("val/data_time", 0.1)
        hub.update_scalar("val/f1", 0.7 + loop)
    hub.update_info("val/cm", [[1, 2]])
    hub.update_info("validation", "not of this loop")
    return hub


WINDOWS = {"val/acc": 5, "val/f1": 1, "val/time": 5, "val/data_time": 5, "val/none": 3}


def test_epoch_record() -> None:
    """The record of a val loop has the weighted means over that loop's values, other metrics, and times last."""
    record = LogProcessor().after_epoch(val_hub(), VAL, time_ns=1, windows=WINDOWS)
    assert list(record.tags) == ["acc", "f1", "cm", "time", "data_time", "epoch", "iter"]
    assert record.tags["acc"] == pytest.approx(1 + (0.1 * 2 + 0.2 * 3 + 0.3 * 4 + 0.4 * 5) / 15)
    assert record.tags["f1"] == 1.7
    assert record.sources == dict.fromkeys(["acc", "f1", "time", "data_time"], Source("mean", "epoch"))
    assert record.text == (
        "Epoch(val) [1][5/5]    acc: 1.2667  f1: 1.7000  cm: [[1, 2]]  time: 0.5000  data_time: 0.1000"
    )
    assert record.kind == "epoch"


def test_epoch_rules() -> None:
    """Rules see one loop in the window 'epoch', however often its scalar was logged, and may name the loop."""
    rules: list[dict[str, Any]] = [
        {"data_src": "acc", "method_name": "min", "window_size": "epoch", "log_name": "acc_min"},
        {"data_src": "val/f1", "method_name": "max", "window_size": "global"},
        {"data_src": "old", "method_name": "max"},
    ]
    record = LogProcessor(custom_cfg=rules).after_epoch(val_hub(), VAL, time_ns=1, windows=WINDOWS)
    assert record.tags["acc_min"] == 1.0
    assert record.sources["f1"] == Source("max", "global")
    assert "old" not in record.tags


def test_epoch_record_without_windows() -> None:
    """Without windows the defaults are mmengine's: the latest values, times over the loop."""
    record = LogProcessor().after_epoch(val_hub(), VAL, time_ns=1, with_non_scalar=False)
    assert list(record.tags) == ["old", "acc", "f1", "time", "data_time", "epoch", "iter"]
    assert record.tags["acc"] == 1.4
    assert "cm: [[1, 2]]" in record.text


def test_epoch_hierarchy() -> None:
    """With hierarchy the summary's names have their loop's, in tags and text."""
    record = LogProcessor(log_with_hierarchy=True).after_epoch(val_hub(), VAL, time_ns=1, windows=WINDOWS)
    assert list(record.tags)[:5] == ["val/acc", "val/f1", "val/cm", "val/time", "val/data_time"]
    assert "val/acc: 1.2667" in record.text


def test_train_is_not_summed_up() -> None:
    """A train loop has no summary."""
    with pytest.raises(ModeError, match="val and test"):
        LogProcessor().after_epoch(train_hub(), TRAIN, time_ns=0)


def test_global_without_training() -> None:
    """Where no train loop counts iterations, 'global' is all values."""
    rules = [{"data_src": "acc", "method_name": "min", "window_size": "global", "log_name": "acc_min"}]
    progress = Progress("val", by_epoch=True, epoch=0, iter=0, batch_idx=4, loader_len=5)
    record = LogProcessor(custom_cfg=rules).after_epoch(val_hub(), progress, time_ns=1, windows=WINDOWS)
    assert record.tags["acc_min"] == 0.0


def test_own_tags_win() -> None:
    """A scalar named as one of the record's own tags does not hide it."""
    hub = train_hub()
    hub.update_scalar("train/iter", 5.5)
    record = LogProcessor(mean_pattern="iter").after_iter(hub, TRAIN, time_ns=0)
    assert record.tags["iter"] == 20
    assert "iter" not in record.sources


def test_checkpoint_keeps_the_longest_window() -> None:
    """The hub keeps what the windows of the processor need."""
    rules = [{"data_src": "loss", "method_name": "max", "window_size": 8000}]
    processor, hub = LogProcessor(custom_cfg=rules), train_hub()
    assert processor.longest_window == 8000
    processor.after_iter(hub, TRAIN, time_ns=0)
    assert hub.keep_length == 8000


def test_unseen_sources() -> None:
    """A source that no loop has logged is found with the nearest names; one of a loop still to come is not."""
    sources = ["los", "loss", "val/acc", "train/n", "train/m", "zzz"]
    rules = [{"data_src": name, "method_name": "max", "log_name": f"x{name}"} for name in sources]
    processor, hub = LogProcessor(custom_cfg=rules), train_hub()
    unseen = processor.unseen_sources(hub, modes=["train"])
    assert [source.data_src for source in unseen] == ["los", "train/m", "zzz"]
    assert unseen[0].near[0] == "loss"
    assert [source.data_src for source in processor.unseen_sources(hub)] == [
        "los",
        "val/acc",
        "train/m",
        "zzz",
    ]
    assert "'los' (nearest: 'loss'" in unseen_warning(unseen, ["train"])
    assert "\n" not in unseen_warning(unseen, ["train"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"window_size": 0}, "window_size"),
        ({"window_size": "10"}, "window_size"),
        ({"window_size": True}, "window_size"),
        ({"by_epoch": 1}, "by_epoch"),
        ({"num_digits": -1}, "num_digits"),
        ({"num_digits": 2.0}, "num_digits"),
        ({"log_with_hierarchy": "no"}, "log_with_hierarchy"),
        ({"mean_pattern": "("}, "mean_pattern"),
        ({"mean_pattern": 3}, "mean_pattern"),
        ({"custom_cfg": [{}]}, "data_src"),
    ],
)
def test_mistakes(arguments: dict[str, Any], word: str) -> None:
    """A wrong argument is told at construction, with its name and what was given."""
    with pytest.raises(ConfigError, match=word):
        LogProcessor(**arguments)


def test_cost_is_flat() -> None:
    """A record over a million values costs about as much as one over a thousand."""
    rules: list[dict[str, Any]] = [
        {"data_src": "loss", "method_name": name, "window_size": "global", "log_name": name}
        for name in ("max", "mean")
    ]

    def cost(length: int) -> float:
        values = np.random.default_rng(0).normal(size=length)
        hub = MessageHub(
            "cost", {f"train/{name}": HistoryBuffer(values, np.ones(length, int)) for name in ("loss", "n")}
        )
        processor = LogProcessor(custom_cfg=rules)
        progress = Progress(
            "train", by_epoch=False, epoch=1, iter=length, batch_idx=length - 1, max_iters=2 * length
        )
        best = math.inf
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(30):
                processor.after_iter(hub, progress, time_ns=0)
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(1_000_000) < 8 * cost(1000)


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peak memory is whole MiB of the device that is asked, and a new measurement starts."""
    asked: list[Any] = []

    def max_memory_allocated(device: Any) -> int:
        asked.append(device)
        return 3 * 1024 * 1024 + 5

    cuda = types.SimpleNamespace(
        is_available=lambda: True,
        max_memory_allocated=max_memory_allocated,
        reset_peak_memory_stats=lambda: asked.append("reset"),
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert has_device()
    assert peak_memory_mib("cuda:1") == 3
    assert asked == ["cuda:1", "reset"]


def test_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch there is no device."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert not has_device()
