"""Checkpoints of a hub: size, plain types, windows that go on."""

import io
import logging
import math
from typing import Any

import numpy as np
import pytest
import torch

from otel_mmlog.core.errors import HubStateError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub


def hub_of(
    name: str, values: Any, counts: Any = None, *, weighted: bool = False, max_length: int = 10**6
) -> MessageHub:
    counts = np.ones(len(values), int) if counts is None else counts
    history = HistoryBuffer(values, counts, max_length, weighted=weighted)
    return MessageHub(name, {"train/loss": history}, {}, {"train/loss": True})


def saved(hub: MessageHub, **kwargs: bool) -> MessageHub:
    """The hub after a checkpoint written and read by torch, weights only."""
    file = io.BytesIO()
    torch.save(hub.state_dict(**kwargs), file)
    file.seek(0)
    loaded = MessageHub("loaded")
    loaded.load_state_dict(torch.load(file, weights_only=True))
    return loaded


def test_size() -> None:
    """Eight histories of a million values take less than 1 MB, counts included."""
    rng = np.random.default_rng(0)
    hub = MessageHub("size")
    for key in "abcdefgh":
        history = HistoryBuffer(rng.normal(size=10**6), rng.integers(1, 9, 10**6))
        hub.log_scalars[key] = history
        hub._resumed_keys[key] = True
    file = io.BytesIO()
    torch.save(hub.state_dict(), file)
    assert len(file.getvalue()) < 1_000_000


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("length", [3, 999, 5000, 100_000])
def test_windows_go_on(length: int, weighted: bool, counted: bool) -> None:
    """After loading, int windows, the mean, maximum and minimum of all, and further updates are as if nothing was."""
    rng = np.random.default_rng(length)
    counts = rng.integers(1, 5, length) if counted else None
    hub = hub_of("windows", rng.normal(size=length), counts, weighted=weighted)
    other = saved(hub)
    for step in range(3):
        ours, theirs = hub.get_scalar("train/loss"), other.get_scalar("train/loss")
        assert ours.total == theirs.total
        for window in (None, 1, 10, 1000, ours.total, ours.total + 5):
            for method in ("mean", "max", "min"):
                expected = ours.statistics(method, window)
                assert theirs.statistics(method, window) == pytest.approx(expected, rel=1e-12), (
                    step,
                    window,
                    method,
                )
        for history in (ours, theirs):
            history.update(float(step), 3 if step == 1 else 1)


def test_second_checkpoint() -> None:
    """A checkpoint of a run that was loaded itself still knows all values."""
    values = np.random.default_rng(3).normal(size=30_000)
    hub = hub_of("first", values)
    for _ in range(3):
        hub = saved(hub)
        for _ in range(5000):
            hub.update_scalar("train/loss", 0.5)
    history = hub.get_scalar("train/loss")
    assert history.total == 45_000
    assert history.mean() == pytest.approx((values.sum() + 7500) / 45_000)
    assert history.max() == values.max()
    assert len(history._log_history) < 15_000


def test_long_window_after_loading() -> None:
    """A window that reaches behind what was saved starts at a block: off by 4095 values at most."""
    hub = saved(hub_of("long", np.arange(100_000.0)))
    history = hub.get_scalar("train/loss")
    assert 50_000 - 4096 < history.min(50_000) <= 50_000
    assert history.max(50_000) == 99_999


def test_capped_history() -> None:
    """A history at its max_length keeps that length's mean in a checkpoint, and forgets from there."""
    hub = hub_of("capped", [0.0], max_length=50_001)
    for value in range(60_000):
        hub.update_scalar("train/loss", float(value))
    other = saved(hub)
    assert other.get_scalar("train/loss").mean() == pytest.approx(
        hub.get_scalar("train/loss").mean(), rel=1e-12
    )
    for _ in range(70_000):
        other.update_scalar("train/loss", 1.0)
    assert other.get_scalar("train/loss").mean() == 1.0


def test_full_history() -> None:
    """On request every value and count is saved, with its dtype."""
    hub = hub_of("full", np.arange(20_000), np.arange(20_000) % 3)
    other = saved(hub, full_history=True)
    for ours, theirs in zip(
        hub.get_scalar("train/loss").data, other.get_scalar("train/loss").data, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_kept_length() -> None:
    """As many values as the longest window needs are saved as they are."""
    hub = hub_of("kept", np.arange(50_000.0))
    hub.keep_at_least(20_000)
    hub.keep_at_least(10)
    assert saved(hub).get_scalar("train/loss")._log_history[-20_000:].tolist() == list(range(30_000, 50_000))


def test_nan_in_what_was_left_out() -> None:
    """A NaN among values that a checkpoint only summarised still makes the mean of all NaN, and no shorter one."""
    values = np.ones(100_000)
    values[7] = math.nan
    history = saved(hub_of("nan", values)).get_scalar("train/loss")
    assert math.isnan(history.mean())
    assert history.mean(80_000) == 1


def test_only_resumed_keys() -> None:
    """Keys with resumed=False are not saved."""
    hub = MessageHub("resumed")
    hub.update_scalar("a", 1)
    hub.update_scalar("b", 1, resumed=False)
    hub.update_info("c", 1)
    hub.update_info("d", 1, resumed=False)
    state = hub.state_dict()
    assert list(state["log_scalars"]) == ["a"]
    assert state["runtime_info"] == {"c": 1}


class _NoCopy:
    def __deepcopy__(self, memo: object) -> None:
        raise NotImplementedError


def test_what_cannot_be_copied(caplog: pytest.LogCaptureFixture) -> None:
    """Information that cannot be copied is saved by reference, with a warning that names it."""
    hub, value = MessageHub("nocopy"), _NoCopy()
    hub.update_info("odd", value)
    with caplog.at_level(logging.WARNING):
        assert hub.state_dict()["runtime_info"]["odd"] is value
    assert "'odd'" in caplog.text


@pytest.mark.parametrize(
    "state",
    [
        3,
        {"log_scalars": {}},
        {"log_scalars": {"a": {"version": 1}}, "runtime_info": {}, "resumed_keys": {}},
        {"log_scalars": {"a": {"version": 99}}, "runtime_info": {}, "resumed_keys": {}},
    ],
)
def test_refused_states(state: object) -> None:
    """What is no hub's state is refused with a word on why."""
    with pytest.raises(HubStateError):
        MessageHub("refused").load_state_dict(state)
