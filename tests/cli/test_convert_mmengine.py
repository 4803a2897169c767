"""``otel-mmlog convert`` of what a Runner of MMEngine has left, and of single files."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from otel_mmlog.cli.main import main
from otel_mmlog.converting.mmengine_line import parse_record_line
from otel_mmlog.runs.find import find_runs
from otel_mmlog.runs.mmengine import find_mmengine_runs
from otel_mmlog.runs.state import rank_state
from tests.integrations.mmengine.runners import close_loggers, make_runner, quiet
from tests.journals import events, json_lines, read_journals, records


def convert(*arguments: object) -> Result:
    """``otel-mmlog convert ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["convert", *map(str, arguments)], prog_name="otel-mmlog")


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of a real Runner, each with a validation, and what its code told the visualizer."""
    folder = tmp_path_factory.mktemp("mm") / "toy"
    close_loggers()
    with quiet():
        runner = make_runner(folder)
        runner.train()
        runner.visualizer.add_scalar("mine", 2.5, step=7)
    close_loggers()
    return folder


def of_mmengine(work_dir: Path) -> list[dict[str, Any]]:
    (scalars,) = work_dir.glob("*/vis_data/scalars.json")
    return [json.loads(line) for line in scalars.read_text().splitlines()]


def test_records_have_all_digits_and_lines_stay(work_dir: Path, tmp_path: Path) -> None:
    """Every line of the text is there in its order; records have the numbers of scalars.json."""
    result = convert(work_dir, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    (text,) = work_dir.glob("*/*.log")
    written = [line["event"] for line in events(tmp_path, "toy") if line["event"] != "Config"]
    lines = text.read_text().splitlines()
    assert [event for event in written if event.startswith("Epoch(train)")] == [
        line.partition(" - INFO - ")[2] for line in lines if "Epoch(train)" in line
    ]
    rows = of_mmengine(work_dir)
    train = [record for record in records(tmp_path, "toy") if record["mode"] == "train"]
    assert [record["tags"]["loss"] for record in train] == [row["loss"] for row in rows if "iter" in row]
    assert [record["iter"] for record in train] == [row["iter"] for row in rows if "iter" in row]
    summaries = [record for record in records(tmp_path, "toy") if record["event_name"] == "mmlog.val.epoch"]
    assert [(each["epoch"], each["iter"], each["step"]) for each in summaries[:2]] == [(1, 11, 1), (2, 22, 2)]
    assert summaries[0]["tags"]["mean"] == next(row["mean"] for row in rows if "mean" in row)
    assert summaries[-1]["tags"] == {"mine": 2.5, "iter": 7}


def test_times_are_those_of_the_lines_and_never_go_back(work_dir: Path, tmp_path: Path) -> None:
    """Lines of one second keep their order within it, so that no two points of a series share a time."""
    assert convert(work_dir, "-o", tmp_path).exit_code == 0
    stamps = [line["ts"] for line in json_lines(tmp_path / "toy.jsonl")]
    assert stamps == sorted(stamps)
    losses = [
        point.time_ns
        for point in read_journals(tmp_path).points
        if point.name == "mmlog.train.loss" and not point.flags & 1
    ]
    assert len(losses) == len(set(losses)) == 10


def test_rows_have_the_times_of_their_lines(tmp_path: Path) -> None:
    """Lines inside a val loop have no row: the rows behind a validation are not moved by them."""
    stamped = tmp_path / "20231114_221320"
    (stamped / "vis_data").mkdir(parents=True)
    lines = [
        "Epoch(val) [1][2/4]    eta: 0:00:01  time: 1",
        "Epoch(val) [1][4/4]    acc: 0.5",
        "Epoch(train) [2][1/4]  lr: 1",
    ]
    text = "".join(f"2023/11/14 22:13:2{at} - mmengine - INFO - {line}\n" for at, line in enumerate(lines))
    (stamped / f"{stamped.name}.log").write_text(text)
    (stamped / "vis_data" / "scalars.json").write_text(
        '{"acc": 0.5, "step": 1}\n{"lr": 1, "iter": 5, "epoch": 2}\n'
    )
    (run,) = find_mmengine_runs(tmp_path)
    assert [entry.time_s % 60 for entry in run.records()] == [21, 22]


def test_config_and_end(work_dir: Path, tmp_path: Path) -> None:
    """The run has a beginning with its settings, and an end: it does not look killed."""
    assert convert(work_dir, "-o", tmp_path).exit_code == 0
    (run,) = find_runs(tmp_path)
    state = rank_state(run, 0, 0.0)
    assert state is not None
    assert state.state == "finished"
    assert [line["event_name"] for line in json_lines(tmp_path / "toy.jsonl") if "converted" in line] == [
        "mmlog.run.start",
        "mmlog.run.end",
    ]


def test_text_alone(work_dir: Path, tmp_path: Path) -> None:
    """Of a .log without its scalars the records have the numbers of the lines."""
    (text,) = work_dir.glob("*/*.log")
    copy = tmp_path / "old.log"
    copy.write_bytes(text.read_bytes())
    assert convert(copy, "-o", tmp_path / "out").exit_code == 0
    train = [record for record in records(tmp_path / "out", "old") if record["mode"] == "train"]
    assert [record["tags"]["loss"] for record in train] == [
        round(row["loss"], 4) for row in of_mmengine(work_dir) if "iter" in row
    ]


def test_scalars_alone(tmp_path: Path) -> None:
    """Rows without a text get times that end with the last change of the file, and this is said."""
    rows = [{"loss": 1.0, "time": 0.5, "iter": at, "step": at} for at in (10, 20)]
    path = tmp_path / "scalars.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"acc": 0.5, "step": 20}]) + "torn")
    os.utime(path, (1_700_000_010, 1_700_000_010))
    result = convert(path, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "scalars.json has no times" in result.stderr
    found = records(tmp_path / "out", "scalars")
    assert [(each["mode"], each["iter"], each["ts"][17:]) for each in found] == [
        ("train", 10, "25.000000Z"),
        ("train", 20, "30.000000Z"),
        ("val", 20, "30.000000Z"),
    ]


def test_event_files_of_mmengine_are_no_second_run(
    work_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What MMEngine's TensorBoard backend wrote tells the same once more, and is not converted."""
    (stamped,) = (path.parent for path in work_dir.glob("*/vis_data"))
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    events_of_backend = stamped / "vis_data" / "events.out.tfevents.1700000000.host.1.0"
    events_of_backend.touch()
    result = convert(work_dir, "-o", tmp_path)
    events_of_backend.unlink()
    assert result.exit_code == 0, result.output
    assert (tmp_path / "toy.jsonl").exists()


def test_reader_of_event_files_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TensorBoard the sentence says what to install."""
    (tmp_path / "events.out.tfevents.1700000000.host.1.0").touch()
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    result = convert(tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "pip install 'otel-mmlog[convert]'" in result.stderr


def test_what_this_package_wrote_is_not_converted(tmp_path: Path) -> None:
    """A JSON file of ours is no source, and the sentence says so."""
    (tmp_path / "run.jsonl").write_text("{}\n")
    result = convert(tmp_path / "run.jsonl", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "needs no conversion" in result.stderr


@pytest.mark.parametrize(
    ("text", "mode", "at", "is_summary", "values"),
    [
        (
            "Epoch(train)  [1][ 10/100]  base_lr: 1.0000e-03 lr: 2.0e-03  eta: 1 day, 0:00:07  loss: nan",
            "train",
            10,
            False,
            {"base_lr": 0.001, "lr": 0.002, "eta": 86407.0},
        ),
        (
            "Epoch(val) [2][25/25]    coco/mAP: 0.5000  n: 3  note: fine",
            "val",
            25,
            True,
            {"coco/mAP": 0.5, "n": 3},
        ),
        ("Iter(val) [ 5/25]    eta: 0:00:01  time: 0.1", "val", 5, False, {"eta": 1.0, "time": 0.1}),
        ("Iter(train) [  100/90000]  lr: 1e-3  loss: -0.5", "train", 100, False, {"lr": 0.001, "loss": -0.5}),
    ],
)
def test_lines(text: str, mode: str, at: int, is_summary: bool, values: dict[str, float]) -> None:
    """Loop, position and numbers of MMEngine's lines."""
    line = parse_record_line(text)
    assert line is not None
    assert (line.mode, line.at, line.is_summary) == (mode, at, is_summary)
    assert {name: value for name, value in line.values.items() if not math.isnan(value)} == values
