"""How often a training that logs tensors waits for its device."""

from pathlib import Path

import pytest
import torch

from otel_mmlog.core import pending_tensors
from otel_mmlog.core.hub import MessageHub
from tests.conftest import MakeRun
from tests.gpu.devices import make_rig, on_rig, tensors_alive
from tests.gpu.fake_device import FakeDevice
from tests.journals import tags

NAMES = [f"loss_{number}" for number in range(8)]


@pytest.mark.parametrize("deferred", [False, True])
def test_only_a_record_waits(make_run: MakeRun, tmp_path: Path, deferred: bool) -> None:
    """Eight tensors a step: steps wait for nothing, a record waits once, and deferred it does not wait either."""
    rig = make_rig()
    tensors = {name: rig.tensor(float(place)) for place, name in enumerate(NAMES)}
    run = make_run(interval=10, window_size=1, deferred=deferred)
    on_rig(rig, run.hub)
    batches = iter(run.train(range(100)))
    waits = []
    for _ in range(100):
        with rig.counting() as counted:
            next(batches)
            for tensor in tensors.values():
                tensor.add_(1)
            run.log(tensors)
        waits.append(counted.waits)
    with rig.counting() as counted:
        assert next(batches, None) is None
    waits.append(counted.waits)
    run.close()
    at_records = waits[10::10]
    assert sum(waits) == sum(at_records)
    assert max(at_records) <= (0 if deferred else 1)
    for place, name in enumerate(NAMES):
        assert tags(tmp_path, name) == [float(place + step) for step in range(10, 101, 10)]


@pytest.mark.parametrize("deferred", [False, True])
def test_value_is_that_of_the_call(make_run: MakeRun, tmp_path: Path, deferred: bool) -> None:
    """What happens to a tensor after the call, in the same step or later, changes nothing that was logged."""
    rig = make_rig()
    loss = rig.tensor([0.0])
    with make_run(interval=2, window_size=2, deferred=deferred) as run:
        on_rig(rig, run.hub)
        for _ in run.train(range(6)):
            run.log(loss=loss)
            loss.add_(1)
            loss.mul_(1)
    assert tags(tmp_path, "loss") == [0.5, 2.5, 4.5]


@pytest.mark.parametrize("deferred", [False, True])
def test_memory_is_bounded(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, deferred: bool) -> None:
    """Between records that are far apart no more than so many tensors are kept, and no value is lost."""
    rig = make_rig()
    tensors = {name: rig.tensor(0.0) for name in NAMES}
    run = make_run(interval=10**6, deferred=deferred)
    on_rig(rig, run.hub)
    monkeypatch.setattr(pending_tensors, "PENDING_MAX", 512)
    steps = 512 // 8 + 30
    before, most = tensors_alive(), 0
    with rig.counting() as counted:
        for _ in run.train(range(steps)):
            for tensor in tensors.values():
                tensor.add_(1)
            run.log(tensors)
            most = max(most, len(run.hub._pending))
        alive = tensors_alive() - before
    assert alive <= 30 * 8
    assert most == 512 - 8
    assert counted.waits == (0 if deferred else 1) + (0 if deferred else 1)  # too many, and the last record
    run.close()
    for name in NAMES:
        assert run.hub.get_scalar(f"train/{name}").data[0].tolist() == list(range(1, steps + 1))


def test_tensors_of_several_dtypes_are_read_at_once(make_run: MakeRun, tmp_path: Path) -> None:
    """A record of floats, halves, ints and flags waits once."""
    rig = make_rig()
    run = make_run(interval=1)
    on_rig(rig, run.hub)
    values = {
        "loss": rig.tensor(0.5),
        "loss_half": rig.tensor(0.25, torch.bfloat16),
        "n": rig.tensor(7, torch.int64),
        "found_inf": rig.tensor(True, torch.bool),
    }
    with rig.counting() as counted:
        for _ in run.train(range(1)):
            run.log(values)
    run.close()
    assert counted.waits == 1
    assert [tags(tmp_path, name) for name in values] == [[0.5], [0.25], [7], [1]]


def test_tensors_of_another_stream() -> None:
    """Where the work of another stream has made the copies, they are put together there."""
    device = FakeDevice()
    hub = MessageHub("streams")
    hub._pending._device = device
    hub.update_scalar("a", device.tensor(1.0))
    device.stream = "other"
    hub.update_scalar("b", device.tensor(2.0))
    assert [hub.get_scalar(key).current() for key in "ab"] == [1, 2]
    assert len(device.copies) == 1
    assert device.waits == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: the fake has one queue")
def test_work_of_another_cuda_stream_is_waited_for() -> None:
    """A tensor that another stream is still busy with is not read before it is done."""
    hub = MessageHub("streams")
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        torch.cuda._sleep(500_000_000)
        hub.update_scalar("a", torch.full((), 3.0, device="cuda"))
    assert hub.get_scalar("a").current() == 3
