"""What has become of a run, read while it runs and after it."""

import signal
import time
from pathlib import Path

from otel_mmlog.runs.find import find_runs
from otel_mmlog.runs.state import STALLED_LEAST_S, RankState, is_open, rank_state
from tests.processes import BEGIN, run_python, start_python
from tests.runs.written import BEGAN_S, json_line, record_line, write

TRAIN = BEGIN + "for step in run.train(range(3)):\n    run.log(loss=step + 0.5)\n"


def state_of(work_dir: Path, now_s: float | None = None) -> RankState:
    """Of rank 0 of the latest run."""
    state = rank_state(find_runs(work_dir)[-1], 0, time.time() if now_s is None else now_s)
    assert state is not None
    return state


def test_finished(tmp_path: Path) -> None:
    """A run that was closed has finished, and its last values are there."""
    assert run_python(TRAIN + "run.close()", tmp_path).returncode == 0
    state = state_of(tmp_path)
    assert (state.state, state.error) == ("finished", "")
    assert state.record is not None
    assert (state.record.iter, state.interval, state.values["train/loss"]) == (3, 1, 1.5)


def test_failed(tmp_path: Path) -> None:
    """An exception that nobody caught is what the run failed of."""
    assert run_python(TRAIN + "raise RuntimeError('out of luck')", tmp_path).returncode == 1
    state = state_of(tmp_path)
    assert (state.state, state.error) == ("failed", "RuntimeError: out of luck")


def test_running_then_killed(tmp_path: Path) -> None:
    """While its process lives a run is running, or stalled when it is silent for long; then it was killed."""
    process = start_python(TRAIN + "print('ready', flush=True)\ntime.sleep(60)", tmp_path)
    assert process.stdout is not None
    with process:
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
        assert is_open(tmp_path / "tmp.jsonl")
        assert state_of(tmp_path).state == "running"
        assert state_of(tmp_path, time.time() + STALLED_LEAST_S + 1).state == "stalled"
        process.send_signal(signal.SIGKILL)
    assert not is_open(tmp_path / "tmp.jsonl")
    assert state_of(tmp_path).state == "killed"


def test_restarted(tmp_path: Path) -> None:
    """The last attempt counts: one that failed and one that finished is a run that finished."""
    run_python(TRAIN + "raise RuntimeError('out of luck')", tmp_path)
    again = TRAIN.replace("interval=1", "interval=1, resume=True") + "run.close()"
    assert run_python(again, tmp_path).returncode == 0
    (run,) = find_runs(tmp_path)
    assert run.attempts == [0, 1]
    assert state_of(tmp_path).state == "finished"


def test_last_values_of_each_loop(tmp_path: Path) -> None:
    """Values are the latest of each loop, under full names; the position is the furthest, of training or behind it."""
    lines = [
        record_line(1, {"loss": 3.0}),
        record_line(2, {"loss": "NaN"}),
        record_line(3, {"acc": 0.5, "val/iou": 0.25}, "val"),
        json_line(BEGAN_S + 3),
    ]
    write(tmp_path / "tmp.jsonl", lines, b'{"torn')
    state = state_of(tmp_path)
    assert state.record is not None
    assert (state.record.mode, state.record.iter) == ("train", 3)
    assert str(state.values) == "{'val/acc': 0.5, 'val/iou': 0.25, 'train/loss': nan}"
    assert state.last.time_s == BEGAN_S + 3


def test_nothing_to_read(tmp_path: Path) -> None:
    """A file of which all that was written is gone by now has no state."""
    path = write(tmp_path / "tmp.jsonl", [json_line()])
    (run,) = find_runs(tmp_path)
    path.write_bytes(b"")
    assert rank_state(run, 0, BEGAN_S) is None
