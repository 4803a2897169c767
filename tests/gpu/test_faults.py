"""What goes wrong around tensors costs their values at most."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from otel_mmlog.core import hub as hub_module
from tests.conftest import MakeRun
from tests.gpu.devices import FakeRig, on_rig
from tests.gpu.fake_device import FakeCopy
from tests.journals import records


def test_device_without_cuda(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch knows no CUDA, as with ``mps``, tensors are read as ever, and a loop can be left."""
    monkeypatch.setattr(hub_module, "is_on_device", lambda value: isinstance(value, torch.Tensor))
    for deferred in (False, True):
        with make_run(interval=2, deferred=deferred) as run:
            for step in run.train(range(10)):
                run.log(loss=torch.tensor(float(step)))
                if step == 4:
                    break
    assert [line["iter"] for line in records(tmp_path)] == [2, 4, 5] * 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda hub: pickle.loads(pickle.dumps(hub))])
def test_hub_of_a_run_can_be_copied(make_run: MakeRun, copied: Callable[[Any], Any]) -> None:
    """Some checkpoints hold the hub itself; its copy belongs to no run."""
    with make_run(deferred=True) as run:
        run.log({"train/loss": 1.5}, step=1)
        other = copied(run.hub)
    assert other.get_scalar("train/loss").current() == 1.5
    other.update_scalar("train/loss", 2.5)


def test_interrupted_wait_loses_nothing(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the device is waited for: the values are read at the end, and every record leaves."""
    rig = FakeRig()
    values, interrupts = FakeCopy.values, [KeyboardInterrupt()]

    def interrupted(self: FakeCopy) -> list[Any]:
        if interrupts:
            raise interrupts.pop()
        return values(self)

    monkeypatch.setattr(FakeCopy, "values", interrupted)

    def train() -> None:
        with make_run(interval=2, window_size=1, deferred=True) as run:
            on_rig(rig, run.hub)
            loss = rig.tensor(0.0)
            for step in run.train(range(8)):
                run.log(loss=loss.fill_(step))
                if step == 3:
                    run.flush(0.1)

    with pytest.raises(KeyboardInterrupt):
        train()
    found = [(line["iter"], line["tags"]["loss"]) for line in records(tmp_path)]
    assert found == [(2, 1.0), (4, 3.0)]
