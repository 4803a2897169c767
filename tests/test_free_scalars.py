"""Scalars that are logged outside of any loop."""

import gc
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MakeRun
from tests.journals import events, headers, records, tags


def test_outside_of_loops(make_run: MakeRun, tmp_path: Path) -> None:
    """Outside of a loop each call is an iteration of its own; the last, partial interval is a record."""
    with make_run(interval=2) as run:
        for value in range(5):
            run.log(loss=value)
    assert [record["iter"] for record in records(tmp_path)] == [2, 4, 5]
    assert headers(tmp_path) == ["Iter(train) [2/?]", "Iter(train) [4/?]", "Iter(train) [5/?]"]


def test_step_names_the_iteration(make_run: MakeRun, tmp_path: Path) -> None:
    """``step`` is the number of the iteration, and the next call without one is the next."""
    with make_run(interval=1) as run:
        run.log(loss=1.0, step=100)
        run.log(loss=2.0)
        run.log(loss=3.0, step=500)
    assert [record["step"] for record in records(tmp_path)] == [100, 101, 500]


def test_val_names_outside_of_loops(make_run: MakeRun, tmp_path: Path) -> None:
    """``val/`` and ``test/`` names outside of loops are records of their modes, at once."""
    with make_run(interval=10) as run:
        run.log({"train/loss": 1.0, "val/acc": 0.5, "test/f1": 0.25}, step=7)
        assert [record["mode"] for record in records(tmp_path)] == ["val", "test"]
        run.log({"val/acc": 0.75}, step=8)
    found = records(tmp_path)
    assert [(record["mode"], record["iter"]) for record in found] == [
        ("val", 7),
        ("test", 7),
        ("val", 8),
        ("train", 8),
    ]
    assert tags(tmp_path, "acc") == [0.5, 0.75]
    assert tags(tmp_path, "f1") == [0.25]
    assert headers(tmp_path)[:3] == ["Iter(val) [7/?]", "Iter(test) [7/?]", "Iter(val) [8/?]"]


def test_same_step_adds_up(make_run: MakeRun, tmp_path: Path) -> None:
    """Calls that name the same step one after the other are one iteration, and in one record."""
    with make_run(interval=1) as run:
        for step in (5, 6):
            run.log(loss=step, step=step)
            run.log(lr=step / 10, step=np.int64(step))
    assert [record["iter"] for record in records(tmp_path)] == [5, 6]
    assert tags(tmp_path, "lr") == [0.5, 0.6]
    assert tags(tmp_path, "loss") == [5, 5.5]


def test_values_of_one_step_stay_in_its_record(make_run: MakeRun, tmp_path: Path) -> None:
    """The record of a named step, or of what lies behind a training, holds nothing of the next step."""
    with make_run(interval=1) as run:
        for _ in run.train(range(2)):
            run.log(lr=1)
        run.log(lr=2)
        run.log(lr=3, step=8)
        run.log(lr=4)
    found = [(record["iter"], record["tags"]["lr"]) for record in records(tmp_path)]
    assert found == [(1, 1), (2, 1), (2, 2), (8, 3), (9, 4)]


def test_record_has_what_is_new(make_run: MakeRun, tmp_path: Path) -> None:
    """A record shows no old value again; a rule sees the whole history where its scalar is new."""
    rules = [{"data_src": "loss", "method_name": "max", "window_size": "global", "log_name": "highest"}]
    with make_run(interval=1, custom_cfg=rules, mean_pattern="(?!)") as run:
        run.log(loss=3, step=1)
        run.log({"lr": 1, "val/acc": 1}, step=2)
        run.log(loss=2)
        for _ in run.train(range(1)):
            run.log(loss=1)
        run.log(lr=2, step=9)
    found = [record["tags"] for record in records(tmp_path) if record["mode"] == "train"]
    assert [tags for tags in found if "time" not in tags] == [
        {"loss": 3, "highest": 3, "iter": 1},
        {"lr": 1, "iter": 2},
        {"loss": 2, "highest": 3, "iter": 3},
        {"lr": 2, "iter": 9},
    ]


def test_threads_log_new_names(make_run: MakeRun, tmp_path: Path) -> None:
    """A record that one thread makes while another one logs a new name is there, and nobody's call fails."""

    def log_names(thread: int) -> None:
        for number in range(100):
            run.log({f"of_{thread}/{number}": number})

    def collected(_phase: str, _info: dict[str, int]) -> None:
        """Python code in the garbage collector, as hypothesis has it, lets another thread run in any allocation."""
        time.sleep(0)

    switched_s, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-5)
    gc.callbacks.append(collected)
    gc.set_threshold(10)
    try:
        with make_run(interval=1) as run, ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(log_names, thread) for thread in range(3)]:
                done.result()
    finally:
        sys.setswitchinterval(switched_s)
        gc.callbacks.remove(collected)
        gc.set_threshold(*threshold)
    assert len({tag for record in records(tmp_path) for tag in record["tags"]} - {"iter"}) == 300


@pytest.mark.parametrize("step", ["x", 2.5, True, -1, [1]])
def test_wrong_step(make_run: MakeRun, tmp_path: Path, step: Any) -> None:
    """A wrong step is told once and ignored: the call is the next iteration."""
    with make_run(interval=1) as run:
        run.log(loss=1.0, step=step)
        run.log(loss=2.0, step=step)
    assert [record["iter"] for record in records(tmp_path)] == [1, 2]
    assert len([line for line in events(tmp_path) if line["level"] == "WARNING"]) == 1


def test_step_before_a_train_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """What was logged before a train loop is a record before its first."""
    with make_run(interval=10) as run:
        run.log(warmup=1.0, step=3)
        for value in run.train(range(2)):
            run.log(loss=value)
    assert [record["iter"] for record in records(tmp_path)] == [3, 5]
    assert headers(tmp_path)[0] == "Iter(train) [3/?]"


class Counted(dict[str, Any]):
    """Settings that count how often they are looked through."""

    looks = 0

    def items(self) -> Any:
        self.looks += 1
        return super().items()


def test_config_is_not_rendered_at_each_call(make_run: MakeRun, tmp_path: Path) -> None:
    """Outside of loops the settings leave before the first scalar and at the end, and cost nothing between."""
    with make_run(interval=1, config={"lr": 1}) as run:
        run.config = config = Counted(run.config)
        run.log(loss=1.0)
        looks = config.looks
        for value in range(20):
            run.log(loss=value)
        assert config.looks == looks > 0
        run.config["lr"] = 2
    found = [line for line in events(tmp_path) if line.get("event_name") == "mmlog.run.config"]
    assert [line["config"]["lr"] for line in found] == [1, 2]
    assert found[0]["seq"] < min(record["seq"] for record in records(tmp_path))
