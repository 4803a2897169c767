"""The hub against mmengine's, and its checkpoints loaded into ours."""

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch

from otel_mmlog.core.hub import MessageHub
from tests.oracle.theirs import TheirHistory, TheirHub

VALUES: list[Any] = [
    1, 2.5, True, np.array(3), np.array([4.5]), np.int32(5), np.float32(0.1), np.float16(0.5), np.uint8(7),
    torch.tensor(2), torch.tensor([2.5]), torch.tensor(0.1, dtype=torch.bfloat16),
    torch.tensor(1.5, dtype=torch.float64), torch.tensor(True), torch.nn.Parameter(torch.tensor(0.3)),
]  # fmt: skip


def hubs(name: str) -> tuple[Any, Any]:
    return MessageHub(name), TheirHub(name)


def assert_same_histories(ours: Any, theirs: Any) -> None:
    assert list(ours.log_scalars) == list(theirs.log_scalars)
    for key, history in theirs.log_scalars.items():
        for mine, other in zip(ours.get_scalar(key).data, history.data, strict=True):
            assert mine.dtype == other.dtype, key
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("seed", range(20))
def test_random_calls(seed: int) -> None:
    """After the same random calls both hubs hold the same."""
    rng = random.Random(seed)
    ours, theirs = hubs(f"random{seed}")
    for _ in range(100):
        key, value = rng.choice("abcd"), rng.choice(VALUES)
        call = rng.randrange(5)
        for hub in (ours, theirs):
            if call == 0:
                hub.update_scalars({key: value, "e": {"value": 1, "count": 3}, "f": {"value": value}})
            elif call == 1:
                hub.update_info(f"i{key}", value)
            elif call == 2:
                hub.update_info_dict({"x": 1, f"y{key}": value})
            elif call == 3:
                hub.pop_info(f"y{key}")
            else:
                hub.update_scalar(key, value, 1 + call % 3)
    assert_same_histories(ours, theirs)
    assert list(ours.runtime_info.items()) == list(theirs.runtime_info.items())
    assert ours._resumed_keys == theirs._resumed_keys


@pytest.mark.parametrize("value", [[], "1", None, {}, np.array([1, 2]), torch.tensor([1, 2]), object()])
def test_refused_values(value: Any) -> None:
    """A value that mmengine refuses is refused with the same type of error, and leaves nothing behind."""
    ours, theirs = hubs("refused")
    for hub in (ours, theirs):
        with pytest.raises(AssertionError):
            hub.update_scalar("x", value)
    assert not ours.log_scalars
    ours.update_scalar("x", 1, resumed=False)


def test_resumed_changes() -> None:
    """A key that is resumed once cannot be not resumed later, in both."""
    for hub in hubs("resumed"):
        hub.update_scalar("x", 1)
        with pytest.raises(AssertionError):
            hub.update_scalar("x", 1, resumed=False)


def test_load_their_state(caplog: pytest.LogCaptureFixture) -> None:
    """A state dict of mmengine's hub loads: same arrays, own copies, and a warning for what is odd."""
    theirs = TheirHub("source")
    for index in range(50):
        theirs.update_scalar("loss", index / 7, count=1 + index % 2)
        theirs.update_scalar("n", index)
        theirs.update_scalar("skipped", index, resumed=False)
    theirs.update_info("iter", 50)
    state = theirs.state_dict()
    state["log_scalars"]["old"] = 3
    state["resumed_keys"]["gone"] = True
    ours = MessageHub("target")
    with caplog.at_level(logging.WARNING):
        ours.load_state_dict(state)
    assert len(caplog.records) == 3  # old is no history; gone and skipped are not there
    assert list(ours.log_scalars) == ["loss", "n"]
    np.testing.assert_array_equal(ours.get_scalar("loss").data, theirs.get_scalar("loss").data)
    assert ours.get_info("iter") == 50
    ours.update_scalar("loss", 1.0)
    assert len(state["log_scalars"]["loss"]._log_history) == 50


def test_load_their_hub() -> None:
    """A whole hub of mmengine's loads, as some old checkpoints hold one."""
    theirs = TheirHub("whole", {"x": TheirHistory([1, 2.5], [1, 2])}, {"a": [1]}, {"x": True})
    ours = MessageHub("whole_target")
    ours.load_state_dict(theirs)
    assert_same_histories(ours, theirs)
    assert ours.get_info("a") == [1]
    assert ours.get_info("a") is not theirs.get_info("a")
