"""The deferred mode: records that leave later, as they would have been."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import otel_mmlog
from otel_mmlog.held_records import HELD_MAX
from tests.conftest import MakeRun
from tests.gpu.devices import make_rig, needs_cuda, on_rig
from tests.gpu.fake_device import FakeDevice
from tests.journals import events, read_journals, records, tags


def lines(folder: Path) -> list[Any]:
    """The records that are on disk by now, while the run is open."""
    found = [json.loads(line) for line in (folder / "tmp.jsonl").read_text().splitlines()]
    return [line for line in found if "tags" in line]


def warnings(folder: Path) -> list[str]:
    return [line["event"] for line in events(folder) if line["level"] == "WARNING"]


def test_record_leaves_an_interval_later(make_run: MakeRun, tmp_path: Path) -> None:
    """A record has its own step and time, and is written when the next one is due."""
    rig = make_rig()
    loss = rig.tensor(0.0)
    run = make_run(interval=2, window_size=1, deferred=True)
    on_rig(rig, run.hub)
    written = []
    before_ns = time.time_ns()
    for step in run.train(range(6)):
        if step == 2:
            due_ns = time.time_ns()
        written.append([line["iter"] for line in lines(tmp_path)])
        if step == 3:
            rig.finish()
        if step in (0, 3):
            rig.stall()
        run.log(loss=loss.fill_(step))
    assert written == [[], [], [], [], [2], [2]]
    run.close()
    assert [(line["iter"], line["tags"]["loss"]) for line in records(tmp_path)] == [(2, 1), (4, 3), (6, 5)]
    times = [point.time_ns for point in read_journals(tmp_path).points if point.name == "mmlog.train.loss"]
    assert times == sorted(times)
    assert before_ns < times[0] < due_ns


def test_cpu_records_leave_at_once(make_run: MakeRun, tmp_path: Path) -> None:
    """Where nothing waits on a device, no record is held."""
    with make_run(interval=1, deferred=True) as run:
        for step in run.train(range(3)):
            assert len(lines(tmp_path)) == step
            run.log(loss=torch.tensor(1.0), other=2)


def test_records_without_tensors_keep_their_place(make_run: MakeRun, tmp_path: Path) -> None:
    """A val record of plain numbers leaves behind the train record that is held, not before it."""
    rig = make_rig()
    loss = rig.tensor(0.5)
    with make_run(interval=1, deferred=True) as run:
        on_rig(rig, run.hub)
        rig.stall()
        for _ in run.train(range(1)):
            run.log(loss=loss)
        for _ in run.val(range(2)):
            run.log(acc=1.0)
        run._settle()
        run.log({"val/late": 2.0})
    assert [line["mode"] for line in records(tmp_path)] == ["train", "val", "val"]


def test_held_records_are_bounded(make_run: MakeRun, tmp_path: Path) -> None:
    """A device that is far behind is waited for once too much is held, and that is told once."""
    device = FakeDevice()
    with make_run(interval=1, window_size=1, deferred=True) as run:
        run.hub._pending._device = device
        device.stall()
        for step in run.train(range(10)):
            run.log(loss=device.tensor(float(step)))
            assert device.waits == max(step - HELD_MAX, 0)
    assert tags(tmp_path, "loss") == [float(step) for step in range(10)]
    assert len([text for text in warnings(tmp_path) if "training waits" in text]) == 1


@pytest.mark.parametrize("end", ["flush", "state_dict", "checkpoint", "load_state_dict", "close", "raise"])
def test_nothing_is_held_beyond(make_run: MakeRun, tmp_path: Path, end: str) -> None:
    """A flush, a checkpoint, a state that is loaded and the end of a run send what is held."""
    rig = make_rig()
    loss = rig.tensor(0.5)
    run = make_run(interval=1, deferred=True)
    on_rig(rig, run.hub)
    state = run.state_dict()
    rig.stall()
    for _ in run.train(range(2)):
        run.log(loss=loss)
    if end == "checkpoint":
        with run.checkpoint(tmp_path / "x"):
            pass
    elif end == "load_state_dict":
        run.load_state_dict(state)
    elif end == "raise":
        with pytest.raises(ZeroDivisionError), run:
            raise ZeroDivisionError
    else:
        getattr(run, end)()
    assert [line["iter"] for line in lines(tmp_path)] == [1, 2]
    run.close()
    assert len(records(tmp_path)) == 2


def test_state_has_the_values(make_run: MakeRun) -> None:
    """A checkpoint has every value that was logged before it."""
    rig = make_rig()
    loss = rig.tensor(0.5)
    with make_run(interval=1, deferred=True) as run:
        on_rig(rig, run.hub)
        rig.stall()
        for _ in run.train(range(3)):
            run.log(loss=loss)
        state = run.state_dict()
    hub = otel_mmlog.MessageHub("loaded")
    hub.load_state_dict(state["hub"])
    assert hub.get_scalar("train/loss").data[0].tolist() == [0.5] * 3


def test_who_reads_a_history_gets_the_values(make_run: MakeRun, tmp_path: Path) -> None:
    """A history that is asked while records are held has all its values, and the records are as they would be."""
    rig = make_rig()
    loss = rig.tensor(0.0)
    with make_run(interval=2, window_size=2, deferred=True) as run:
        on_rig(rig, run.hub)
        rig.stall()
        for step in run.train(range(6)):
            run.log(loss=loss.fill_(step))
            if step == 2:
                assert run.hub.get_scalar("train/loss").data[0].tolist() == [0, 1, 2]
    assert tags(tmp_path, "loss") == [0.5, 2.5, 4.5]


@pytest.mark.parametrize("when", ["begin", "arrival"])
def test_broken_device(make_run: MakeRun, tmp_path: Path, when: str) -> None:
    """A copy that fails costs its own values, which are NaN, and is told; training goes on."""
    device = FakeDevice()
    error = RuntimeError("CUDA error: device-side assert triggered")
    with make_run(interval=1, window_size=1, deferred=True) as run:
        run.hub._pending._device = device
        for step in run.train(range(4)):
            run.log(loss=device.tensor(float(step)), n=device.tensor(step, torch.int64), plain=step)
            if when == "arrival":
                device.broken = error if step == 1 else None
                if step == 1:
                    device.stall()
                elif step == 2:
                    device.finish()
            elif step == 1:
                device.copy = _raise  # type: ignore[method-assign, assignment]
            elif step == 2:
                del device.copy
    assert "NaN" in tags(tmp_path, "loss")
    assert tags(tmp_path, "loss")[-1] == 3
    assert tags(tmp_path, "plain") == [0, 1, 2, 3]
    assert [n == "NaN" for n in tags(tmp_path, "n")] == [loss == "NaN" for loss in tags(tmp_path, "loss")]
    assert any("device" in text for text in warnings(tmp_path))


def _raise(*_: Any) -> Any:
    raise RuntimeError("CUDA error: out of memory")


def test_raw_values_wait_for_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    """With every raw value, and more of them than are held back, no step waits, and each has its own time."""
    rig = make_rig()
    loss = rig.tensor(0.0)
    with make_run(interval=400, steps="every", deferred=True) as run:
        on_rig(rig, run.hub)
        with rig.counting() as counted:
            for _ in run.train(range(1000)):
                run.log(loss=loss.add_(1))
        assert counted.waits == 0
    raw = [point for point in read_journals(tmp_path).points if point.name == "mmlog.raw.train.loss"]
    raw = [point for point in raw if not point.flags]
    assert [point.value for point in raw] == list(range(1, 1001))
    times = [point.time_ns for point in raw]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("variable", "argument", "deferred"), [("TRUE", False, True), ("false", True, False)]
)
def test_variable(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, variable: str, argument: bool, deferred: bool
) -> None:
    """``OTEL_MMLOG_DEFERRED`` wins over the argument."""
    monkeypatch.setenv("OTEL_MMLOG_DEFERRED", variable)
    assert make_run(deferred=argument).hub._pending._deferred is deferred


@needs_cuda
def test_pinned_copies_do_not_wait_for_the_stream(make_run: MakeRun, tmp_path: Path) -> None:
    """While the device is busy for a second, records are due and training goes on."""
    loss = torch.zeros((), device="cuda")
    with make_run(interval=1, window_size=1, deferred=True) as run:
        for step in run.train(range(2 + HELD_MAX)):
            if step == 2:
                torch.cuda._sleep(2_000_000_000)
            run.log(loss=loss.fill_(step))
        busy = not torch.cuda.current_stream().query()
    assert busy
    assert tags(tmp_path, "loss") == [float(step) for step in range(2 + HELD_MAX)]
