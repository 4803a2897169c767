"""A log call while a CUDA graph is captured: the capture goes on, and nothing is logged that was not computed."""

import warnings
from functools import partial
from pathlib import Path

import pytest
import torch

from otel_mmlog.core.pending_tensors import PendingTensors
from tests.conftest import MakeRun
from tests.gpu.devices import make_rig, needs_cuda, on_rig
from tests.gpu.fake_device import FakeDevice
from tests.integrations.mmengine.flat_hubs import flat_class
from tests.journals import json_lines, tags

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from otel_mmlog.integrations.mmengine import flat_hub


@pytest.mark.parametrize("deferred", [False, True])
def test_values_of_a_capture_are_left_out(make_run: MakeRun, tmp_path: Path, deferred: bool) -> None:
    """A tensor that is logged in a capture is left out, counted, and told of once, with what to do."""
    rig = make_rig()
    loss = rig.tensor(1.0)
    with make_run(interval=1, deferred=deferred) as run:
        on_rig(rig, run.hub)
        for step in run.train(range(3)):
            if step == 1:
                with rig.capturing():
                    run.log(loss=loss, lr=0.5)
                    run.log(loss=loss, count=2)
            else:
                run.log(loss=loss, lr=0.5)
    found = json_lines(tmp_path / "tmp.jsonl")
    told = [line["event"] for line in found if "CUDA graph" in line["event"]]
    assert len(told) == 1
    assert "after each replay" in told[0]
    assert any("2 values left out" in line["event"] for line in found)
    assert run.hub.get_scalar("train/loss").data[0].tolist() == [1, 1]
    assert tags(tmp_path, "lr") == [0.5] * 3


@pytest.mark.parametrize("deferred", [False, True])
def test_nothing_is_queued_or_read_in_a_capture(make_run: MakeRun, tmp_path: Path, deferred: bool) -> None:
    """A record that is due in a capture leaves after it, with its own step; the graph gets no node of ours."""
    device = FakeDevice()
    with make_run(interval=1, window_size=1, deferred=deferred) as run:
        run.hub._pending._device = device
        run.log({"train/loss": device.tensor(0.5)}, step=1)
        with device.capturing():
            operations = device.operations
            run.log({"train/lr": 0.1}, step=2)  # closes the record of step 1, which reads the loss
            run.log({"train/lr": 0.2}, step=3)
            run.log({"train/loss": device.tensor(0.5)}, step=3)
            assert device.operations == operations
        run.log({"train/lr": 0.3}, step=4)
    found = [line for line in json_lines(tmp_path / "tmp.jsonl") if "tags" in line]
    assert [line["iter"] for line in found] == [1, 2, 3, 4]
    assert [line["tags"].get("loss") for line in found] == [0.5, None, None, None]
    assert [line["tags"].get("lr") for line in found] == [None, 0.1, 0.2, 0.3]


@needs_cuda
def test_capture_of_a_step_that_logs(make_run: MakeRun, tmp_path: Path) -> None:
    """A captured step that logs is replayed as one that does not, and what is logged after a replay is right."""
    inputs = torch.zeros(4, device="cuda")
    loss = torch.zeros((), device="cuda")
    with make_run(interval=1, window_size=1, deferred=True) as run:
        run.hub.update_scalar("train/loss", loss)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss.copy_(inputs.sum())
            run.hub._pending.must_wait()
            run.log(loss=loss)
        for step in run.train(range(5)):
            inputs.fill_(step)
            graph.replay()
            run.log(loss=loss)
    assert tags(tmp_path, "loss")[-5:] == [0, 4, 8, 12, 16]


def test_flat_history_of_mmengine_in_a_capture(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """mmengine's hub with flat histories leaves such a value out, too, and warns once."""
    rig = make_rig()
    monkeypatch.setattr(flat_hub, "PendingTensors", partial(PendingTensors, rig.seam))
    hub, loss = flat_class(late=False)("captured"), rig.tensor(2.0)
    hub.update_scalar("train/loss", loss)
    with rig.capturing():
        hub.update_scalar("train/loss", loss)
        hub.update_scalar("train/loss", loss)
    hub.update_scalar("train/loss", loss)
    assert hub.get_scalar("train/loss").data[0].tolist() == [2, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
