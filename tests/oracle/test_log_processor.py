"""The log processor against mmengine's own, on the same runner states."""

import math
import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from tests.oracle.runner_states import State, random_state, runner_of
from tests.oracle.theirs import TheirHub, TheirProcessor

NON_SCALARS = [{"cat": 1}, [1, 2.5], np.arange(3), torch.tensor([1.5, 2.0]), "text", 0.25, 3, None]


def equal(ours: Any, theirs: Any) -> bool:
    """Whether two tags are the same, NaN being the same as NaN."""
    if isinstance(theirs, (np.ndarray, torch.Tensor)):
        return ours is theirs
    if isinstance(theirs, float) and math.isnan(theirs):
        return isinstance(ours, float) and math.isnan(ours)
    return bool(ours == theirs)


def logged(processor: Any, runner: Any, state: State, kind: str) -> Any:
    """The tags and the text."""
    if kind == "iter":
        return processor.get_log_after_iter(runner, state.batch_idx, state.mode)
    return processor.get_log_after_epoch(runner, state.batch_idx, state.mode, with_non_scalar=kind == "all")


def logged_by_them(config: dict[str, Any], runner: Any, state: State, kind: str) -> Any:
    """mmengine's tags and text, or None where it fails: at a bool as learning rate, a rule named ``val/x_lr``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return logged(TheirProcessor(**config), runner, state, kind)
        except (TypeError, KeyError):
            return None


def assert_same(ours: Any, theirs: Any, case: Any) -> None:
    assert ours[1] == theirs[1], case
    assert list(ours[0]) == list(theirs[0]), case
    assert all(equal(ours[0][name], theirs[0][name]) for name in theirs[0]), case


@pytest.mark.parametrize("seed", range(10))
def test_random_states(seed: int) -> None:
    """For 2,500 random states, text and tags are mmengine's, on its hub and on ours."""
    rng = random.Random(seed)
    compared = 0
    for case in range(250):
        state = random_state(rng, rng.sample(NON_SCALARS, 3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            their_runner = runner_of(state, TheirHub(f"theirs{seed}_{case}"))
        our_runner = runner_of(state, MessageHub(f"ours{seed}_{case}"))
        for kind in ["iter"] if state.mode == "train" else ["iter", "epoch", "all"]:
            where = (seed, case, kind, state.config)
            theirs = logged_by_them(state.config, their_runner, state, kind)
            for runner in (our_runner, their_runner):
                ours = logged(LogProcessor(**state.config), runner, state, kind)
                if theirs is not None:
                    assert_same(ours, theirs, where)
            compared += theirs is not None
    assert compared > 350
