"""Every raw value with the time of its own step."""

from pathlib import Path

from tests.conftest import MakeRun
from tests.journals import read_journals


def test_every_step(make_run: MakeRun, tmp_path: Path) -> None:
    """``steps="every"`` sends each raw value with its own time, beside the records."""
    with make_run(interval=4, steps="every") as run:
        for value in run.train(range(10)):
            run.log(loss=value)
        run.log(free=1.0)
        for value in run.val(range(2)):
            run.log(acc=value)
    points = read_journals(tmp_path).points
    raw = [point for point in points if point.name == "mmlog.raw.train.loss" and not point.flags]
    assert [point.value for point in raw] == list(range(10))
    times = [point.time_ns for point in raw]
    assert times == sorted(set(times))
    names = {point.name for point in points if point.name.startswith("mmlog.raw.")}
    assert {"mmlog.raw.train.time", "mmlog.raw.train.free", "mmlog.raw.val.acc"} <= names
