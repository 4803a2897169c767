"""OTelLogProcessor beside MMEngine's own, in real runners."""

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrations.mmengine.runners import (
    COUNTED,
    COUNTED_RULES,
    GROUPS,
    RULES,
    Pair,
    instrumented,
    make_runner,
    pair_of_optimizers,
    quiet,
)
from tests.oracle.runner_states import State, random_state, runner_of
from tests.oracle.test_log_processor import NON_SCALARS, assert_same, logged, logged_by_them
from tests.oracle.theirs import TheirHub, TheirProcessor

with quiet():
    from otel_mmlog.integrations.mmengine import OTelLogProcessor

EPOCH_RULES = [*RULES, {"data_src": "loss_b", "method_name": "max", "window_size": "epoch"}]


class Both(OTelLogProcessor):
    """Ours, which asks mmengine's the same and keeps both answers."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.theirs = TheirProcessor(**config)
        self.answers: list[tuple[Any, Any]] = []

    def get_log_after_iter(self, *args: Any) -> Any:
        ours = super().get_log_after_iter(*args)
        self.answers.append((ours, self.theirs.get_log_after_iter(*args)))
        return ours

    def get_log_after_epoch(self, *args: Any, **kwargs: Any) -> Any:
        ours = super().get_log_after_epoch(*args, **kwargs)
        self.answers.append((ours, self.theirs.get_log_after_epoch(*args, **kwargs)))
        return ours


@pytest.fixture(autouse=True)
def active() -> Iterator[None]:
    with instrumented():
        yield


@pytest.fixture
def trusted_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """What resuming with mmengine 0.10.7 needs since torch 2.6."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")


def assert_all_same(both: Both, least: int) -> str:
    """Each answer is the same; all texts."""
    assert len(both.answers) >= least
    for ours, theirs in both.answers:
        assert_same(ours, theirs, theirs[1])
    return "\n".join(text for (_, text), _ in both.answers)


@pytest.mark.parametrize("hierarchical", [True, False])
def test_epochs(tmp_path: Path, hierarchical: bool) -> None:
    """Epochs, several parameter groups, clipped and accumulated gradients, metrics of every kind: all is mmengine's."""
    both = Both(window_size=3, custom_cfg=EPOCH_RULES, log_with_hierarchy=hierarchical)
    runner = make_runner(tmp_path / "run", optim_wrapper=GROUPS, log_processor=both)
    runner.train()
    runner.test()
    text = assert_all_same(both, least=17)
    for expected in (
        "base_lr: 1.0000e-02 lr: 1.0000e-02",
        "grad_norm:",
        "seldom_loss:",
        "twice_long:",
        "note: fine",
    ):
        assert expected in text


def test_iterations(tmp_path: Path) -> None:
    """Where iterations count, with two optimizers, all is mmengine's."""
    model = Pair()
    both = Both(window_size=3, by_epoch=False, custom_cfg=COUNTED_RULES)
    runner = make_runner(
        tmp_path / "run",
        model=model,
        optim_wrapper=pair_of_optimizers(model),
        train_cfg=COUNTED,
        log_processor=both,
    )
    runner.train()
    runner.test()
    text = assert_all_same(both, least=17)
    for expected in ("Iter(train) [22/22]", "linear.lr: 1.0000e-02 other.lr: 2.0000e-03"):
        assert expected in text


@pytest.mark.usefixtures("trusted_checkpoints")
@pytest.mark.parametrize("by_epoch", [True, False])
def test_resume(tmp_path: Path, by_epoch: bool) -> None:
    """A run that goes on from a checkpoint in its middle has mmengine's windows, iterations and time left."""
    train_cfg = {"by_epoch": True, "max_epochs": 2} if by_epoch else {"by_epoch": False, "max_iters": 22}
    checkpoint = {"type": "CheckpointHook", "interval": 1 if by_epoch else 7, "by_epoch": by_epoch}
    texts = []
    for last in (1, 2):
        both = Both(window_size=3, by_epoch=by_epoch, custom_cfg=RULES if by_epoch else COUNTED_RULES)
        name = "max_epochs" if by_epoch else "max_iters"
        make_runner(
            tmp_path / "run",
            train_cfg={**train_cfg, name: train_cfg[name] * last // 2},
            val_cfg=None,
            val_dataloader=None,
            val_evaluator=None,
            default_hooks={"checkpoint": checkpoint},
            log_processor=both,
            resume=last == 2,
        ).train()
        texts.append(assert_all_same(both, least=5))
    assert ("[1][10/11]" if by_epoch else "[10/11]") in texts[0]
    assert ("[2][ 2/11]" if by_epoch else "[12/22]") in texts[1]
    assert ("[1]" if by_epoch else "[ 2/22]") not in texts[1]


def test_without_training(tmp_path: Path) -> None:
    """Validation and test of a runner that never trains are mmengine's."""
    both = Both(window_size=3, custom_cfg=RULES)
    nothing = {"train_cfg": None, "train_dataloader": None, "optim_wrapper": None}
    runner = make_runner(tmp_path / "run", log_processor=both, **nothing)
    runner.val()
    runner.test()
    assert "Epoch(val) [0][4/4]" in assert_all_same(both, least=5)


def put(runner: Any, state: State, hub: Any) -> None:
    """Bring a real runner into a state."""
    lengths, position = state.lengths, state.runner
    runner_of(state, hub)
    runner.message_hub = hub
    for mode in ("train", "val", "test"):
        getattr(runner, f"{mode}_loop").dataloader = range(lengths[mode])
    loop = runner.train_loop
    loop._epoch, loop._iter = position["epoch"], position["iter"]
    loop._max_epochs, loop._max_iters = position["max_epochs"], position["max_iters"]


@pytest.mark.parametrize("by_epoch", [True, False])
@pytest.mark.parametrize("trains", [True, False])
def test_random_states(tmp_path: Path, by_epoch: bool, trains: bool) -> None:
    """In 600 random states of a real runner (2,400 with all parameters), text and tags are mmengine's."""
    train_cfg = {"by_epoch": True, "max_epochs": 2} if by_epoch else COUNTED
    runner = make_runner(tmp_path / "run", train_cfg=train_cfg, log_level="ERROR")
    rng = random.Random(f"{by_epoch} {trains}")
    built, compared = runner.train_loop, 0
    for case in range(600):
        state = random_state(rng, rng.sample(NON_SCALARS, 3))
        runner._train_loop = built
        with quiet():
            put(runner, state, TheirHub(f"{tmp_path.name}_{case}"))
        loop = built if trains or state.mode == "train" else train_cfg  # a rule may ask for it to be built
        for kind in ["iter"] if state.mode == "train" else ["iter", "epoch", "all"]:
            runner._train_loop = loop
            theirs = logged_by_them(state.config, runner, state, kind)
            was_built, runner._train_loop = runner._train_loop is not loop, loop
            ours = logged(OTelLogProcessor(**state.config), runner, state, kind)
            if theirs is not None:
                assert_same(ours, theirs, (case, kind, state.config))
                assert was_built == (runner._train_loop is not loop)
                compared += 1
    assert compared > 900


def test_memory_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's peak memory is read once for each line inside a loop: reading starts a new peak."""
    calls: list[Any] = []

    def read(device: Any) -> int:
        calls.append(device)
        return len(calls)

    monkeypatch.setattr("mmengine.runner.log_processor.is_cuda_available", lambda: True)
    monkeypatch.setattr("mmengine.runner.log_processor.get_max_cuda_memory", read)
    processor = OTelLogProcessor()
    runner = make_runner(tmp_path / "run", log_processor=processor)
    runner.message_hub.update_scalar("train/loss", 1.0)
    tag, text = processor.get_log_after_iter(runner, 0, "train")
    assert (tag["memory"], len(calls)) == (1, 1)
    assert "memory: 1  " in text
    runner.message_hub.update_scalar("val/acc", 1.0)
    processor.get_log_after_epoch(runner, 4, "val")
    assert len(calls) == 1


def test_subclass(tmp_path: Path) -> None:
    """What a subclass collects in its own way is in text and tags."""

    class Mine(OTelLogProcessor):
        def _collect_scalars(self, *args: Any, **kwargs: Any) -> Any:
            return {**super()._collect_scalars(*args, **kwargs), "mine": 0.5}

    runner = SimpleNamespace(log_processor=Mine())
    real = make_runner(tmp_path / "run", log_processor=runner.log_processor)
    real.message_hub.update_scalar("train/loss", 1.0)
    tag, text = real.log_processor.get_log_after_iter(real, 0, "train")
    assert tag["mine"] == 0.5
    assert text.endswith("loss: 1.0000  mine: 0.5000")
