"""What MMEngine alone has left of its runs."""

import json
import time
from pathlib import Path

import pytest

from otel_mmlog.runs.dated import dated, last_dated, text_of
from otel_mmlog.runs.mmengine import find_mmengine_runs
from tests.runs.written import json_line, write

STAMP = "20261123_014827"
LOG = """\
2026/11/23 01:48:27 - mmengine - INFO - {}
------
System environment:
2026/11/23 01:48:30 - mmengine - INFO - Epoch(train) [1][10/20]  lr: 1.0e-02  loss: 0.5
2026/11/23 01:48:35 - mmengine - INFO - Epoch(train) [1][20/20]  lr: 1.0e-02  loss: 0.25
2026/11/23 01:48:36 - mmengine - INFO - Epoch(val) [1][3/3]    acc: 0.75
""".format("")
SCALARS = [
    {"lr": 0.01, "loss": 0.5, "epoch": 1, "iter": 10, "step": 10},
    {"lr": 0.01, "loss": float("nan"), "epoch": 1, "iter": 20, "step": 20},
    {"acc": 0.75, "step": 1},
]


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """One of two ranks."""
    folder = tmp_path / "resnet" / STAMP
    write(folder / f"{STAMP}.log", LOG.encode().splitlines())
    write(folder / f"{STAMP}_host_device1_rank1.log", LOG.encode().splitlines())
    write(folder / "vis_data" / "scalars.json", [json.dumps(tags).encode() for tags in SCALARS], b'{"lr"')
    write(tmp_path / "resnet" / f"{STAMP}.py", [b"a = 1"])
    return folder.parent


def test_what_there_is(work_dir: Path) -> None:
    """A run has its name, the time it began, its texts by rank and its config."""
    (run,) = find_mmengine_runs(work_dir.parent)
    assert (run.name, run.work_dir, run.run_id) == ("resnet", work_dir, STAMP)
    assert time.strftime("%Y%m%d_%H%M%S", time.localtime(run.began_s)) == STAMP
    assert list(run.logs) == [0, 1]
    assert run.config == work_dir / f"{STAMP}.py"
    assert find_mmengine_runs(work_dir / STAMP)[0].path == (work_dir / STAMP).resolve()


def test_scalars(work_dir: Path) -> None:
    """They are series by loop, NaN kept; times are those of the lines of text, val is where training stood."""
    (run,) = find_mmengine_runs(work_dir)
    series = run.read_series(lambda name: "lr" not in name)
    assert list(series) == ["train/loss", "val/acc"]
    assert str(series["train/loss"].values) == "[0.5, nan]"
    assert series["train/loss"].steps == [10, 20]
    assert (series["val/acc"].steps, series["val/acc"].epochs) == ([20], [1])
    assert [at - run.began_s for at in series["train/loss"].times_s + series["val/acc"].times_s] == [3, 8, 9]


def test_scalars_without_text(work_dir: Path) -> None:
    """Where no text tells times, they are those that the iterations took."""
    (work_dir / STAMP / f"{STAMP}.log").unlink()
    (run,) = find_mmengine_runs(work_dir)
    assert run.read_series(lambda _: True)["train/loss"].steps == [10, 20]


def test_runs_that_wrote_our_files_too(work_dir: Path) -> None:
    """They are left out; one at another time in the same folder is not."""
    (run,) = find_mmengine_runs(work_dir)
    write(work_dir / "resnet.jsonl", [json_line(run.began_s + 5)])
    assert find_mmengine_runs(work_dir) == []
    write(work_dir / "resnet.jsonl", [json_line(run.began_s - 86_400)])
    assert len(find_mmengine_runs(work_dir)) == 1


def test_lines_of_text(work_dir: Path) -> None:
    """What follows a dated line belongs to it, from both ends; what a terminal would take for a command is escaped."""
    lines = [*LOG.encode().splitlines(), b"\x1b[2J"]
    calls = list(dated([b"of a call before", *lines]))
    assert [len(call.lines) for call in calls] == [3, 1, 1, 2]
    assert list(last_dated(reversed(lines))) == calls[::-1]
    assert "\n".join(map(text_of, calls)) == LOG + r"\x1b[2J"
