"""Flat histories in a real MMEngine run: same lines, and checkpoints that need nothing of ours."""

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from otel_mmlog.core.tensors import is_on_device, is_tensor
from tests.oracle.test_log_processor_runner import Metric, Model, loader, quiet
from tests.oracle.theirs import TheirHistory, TheirHub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.runner import Runner

    from otel_mmlog.integrations.mmengine import flat_hub
    from otel_mmlog.integrations.mmengine.flat_history import FlatHistory
    from otel_mmlog.integrations.mmengine.patches import Patches

__all__ = ["quiet"]

RULES = [
    {"data_src": "loss", "log_name": "loss_best", "method_name": "min", "window_size": "global"},
    {"data_src": "loss_a", "log_name": "loss_a_long", "method_name": "mean", "window_size": "epoch"},
    {"data_src": "loss_b", "log_name": "loss_b_now", "method_name": "current"},
]
TIMES = re.compile(r"^.*? - mmengine|(eta|time|data_time): [\d:.]+|memory: \d+")
LOAD = """
import sys
import warnings


class NothingOfOurs:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "otel_mmlog":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, NothingOfOurs())
warnings.simplefilter("ignore")
import torch
from mmengine.logging import HistoryBuffer, MessageHub

hub = MessageHub("loaded")
hub.load_state_dict(torch.load(sys.argv[1], weights_only=False)["message_hub"])
assert {type(history) for history in hub.log_scalars.values()} == {HistoryBuffer}
assert not [name for name in sys.modules if name.startswith("otel_mmlog")]
print(len(hub.get_scalar("train/loss").data[0]), hub.get_info("epoch"))
"""

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def patches() -> Iterator[Patches]:
    """Patches that are undone at the end."""
    patches = Patches()
    yield patches
    patches.undo()


@pytest.fixture(autouse=True)
def trusted_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """What resuming with mmengine 0.10.7 needs since torch 2.6."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")


def train(folder: Path, *, epochs: int = 2, resume: Path | None = None) -> Any:
    torch.manual_seed(3)
    runner = Runner(
        model=Model(),
        work_dir=str(folder),
        train_dataloader=loader(5),
        val_dataloader=loader(2),
        train_cfg={"by_epoch": True, "max_epochs": epochs},
        val_cfg={},
        val_evaluator=[Metric()],
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.01}},
        default_hooks={
            "logger": {"type": "LoggerHook", "interval": 2},
            "checkpoint": {"type": "CheckpointHook", "interval": 1},
        },
        log_processor={"window_size": 3, "custom_cfg": RULES},
        experiment_name=f"{folder.parent.name}_{folder.name}",
        load_from=None if resume is None else str(resume),
        resume=resume is not None,
    )
    runner.train()
    return runner


def lines(folder: Path) -> list[str]:
    """The lines of the records in the run's own log file, without what is measured."""
    text = next(folder.glob("*/*.log")).read_text()
    found = [line for line in text.splitlines() if re.search(r"Epoch\((train|val)\)", line)]
    return [TIMES.sub("", line) for line in found]


@pytest.mark.parametrize("late", [True, False])
def test_same_lines(tmp_path: Path, patches: Patches, late: bool) -> None:
    """A run with flat histories logs the lines of a run without, times apart."""
    train(tmp_path / "plain")
    flat_hub.wrap(patches, TheirHub, is_tensor if late else is_on_device)
    runner = train(tmp_path / "flat")
    assert {type(history) for history in runner.message_hub.log_scalars.values()} == {FlatHistory}
    expected = lines(tmp_path / "plain")
    assert len(expected) == 8
    assert "loss_best" in expected[0]
    assert lines(tmp_path / "flat") == expected


def test_checkpoint_loads_without_us(tmp_path: Path, patches: Patches) -> None:
    """A checkpoint of a run with flat histories loads where this package cannot be imported."""
    flat_hub.wrap(patches, TheirHub, is_tensor)
    train(tmp_path / "flat")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "flat" / "epoch_2.pth")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["10", "1"]


@pytest.mark.parametrize("first", ["plain", "flat"])
def test_resume(tmp_path: Path, patches: Patches, first: str) -> None:
    """A run goes on from a checkpoint of the other kind, its windows and its lines as if never stopped."""
    train(tmp_path / "whole", epochs=3)
    for kind in (first, "flat" if first == "plain" else "plain"):
        if kind == "flat":
            flat_hub.wrap(patches, TheirHub, is_tensor)
        resume = None if kind == first else tmp_path / first / "epoch_2.pth"
        runner = train(tmp_path / kind, epochs=2 if kind == first else 3, resume=resume)
        types = {type(history) for history in runner.message_hub.log_scalars.values()}
        assert types == {FlatHistory if kind == "flat" else TheirHistory}
        patches.undo()
    assert len(runner.message_hub.get_scalar("train/loss").data[0]) == 15
    assert [line for line in lines(tmp_path / kind) if "(train)" in line] == [
        line for line in lines(tmp_path / "whole") if "[3]" in line and "(train)" in line
    ]
