"""``otel-mmlog convert`` of TensorBoard's event files, written by its own writers."""

import importlib
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from otel_mmlog.cli.main import main
from otel_mmlog.converting.names import ScalarNames, split_name
from otel_mmlog.runs.config import read_config
from otel_mmlog.runs.find import find_runs
from otel_mmlog.runs.series import read_series
from otel_mmlog.testing import FakeReceiver
from tests.journals import records

pytest.importorskip("tensorboard", reason="pip install 'otel-mmlog[convert]'")
BEGIN_S = 1_700_000_000.25


def convert(*arguments: object) -> Result:
    """``otel-mmlog convert ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["convert", *map(str, arguments)], prog_name="otel-mmlog")


def writer(folder: Path) -> Any:
    """PyTorch's writer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder))


def write_run(folder: Path, lr: float = 0.1, begin_s: float = BEGIN_S, first: int = 1) -> None:
    """Four steps a second apart, and a validation after the second and the fourth."""
    with writer(folder) as events:
        for step in range(first, first + 4):
            now_s = begin_s + step
            events.add_scalar("train/loss", 1 / step if step != 3 else math.nan, step, walltime=now_s)
            events.add_scalar("learning_rate", lr, step, walltime=now_s)
            if step % 2 == 0:
                events.add_scalar("Accuracy/val", 0.25 * step, step, walltime=now_s + 0.5)


def test_scalars_become_records_in_the_order_of_their_times(tmp_path: Path) -> None:
    """Scalars of one step of one loop are one record with their time and the digits of a single."""
    write_run(tmp_path / "exp")
    result = convert(tmp_path / "exp", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = records(tmp_path / "out", "exp")
    assert [(each["mode"], each["iter"]) for each in found] == [
        ("train", 1),
        ("train", 2),
        ("val", 2),
        ("train", 3),
        ("train", 4),
        ("val", 4),
    ]
    assert found[0]["tags"] == {"loss": 1.0, "lr": 0.1, "iter": 1}
    assert found[3]["tags"]["loss"] == "NaN"
    assert found[2]["tags"] == {"accuracy": 0.5, "iter": 2}
    assert found[0]["ts"] == "2023-11-14T22:13:21.250000Z"
    assert found[2]["event_name"] == "mmlog.val.epoch"


def test_journal_is_sealed_and_can_be_sent(tmp_path: Path) -> None:
    """A collector gets every point, under the names of the dashboards and with the times of the source."""
    write_run(tmp_path / "exp")
    assert convert(tmp_path / "exp", "-o", tmp_path / "out").exit_code == 0
    assert not list((tmp_path / "out").glob("otlp/*/*.part"))
    with FakeReceiver() as receiver:
        arguments = ["send", str(tmp_path / "out"), "--endpoint", receiver.http_endpoint]
        assert CliRunner().invoke(main, arguments).exit_code == 0
        points = {(point.name, point.time_ns) for point in receiver.points()}
    assert ("mmlog.train.loss", int((BEGIN_S + 1) * 1000) * 10**6) in points
    assert ("mmlog.val.accuracy", int((BEGIN_S + 2.5) * 1000) * 10**6) in points


def test_same_source_same_run_id(tmp_path: Path) -> None:
    """The id follows from the source; a second conversion into a folder needs --force, and replaces the first."""
    write_run(tmp_path / "exp")
    first = convert(tmp_path / "exp", "-o", tmp_path / "out")
    again = convert(tmp_path / "exp", "-o", tmp_path / "out")
    assert again.exit_code == 2
    assert again.stderr.count("Error: ") == 1
    assert "has a converted run already" in again.stderr
    (tmp_path / "out" / "mine.txt").touch()
    lines = (tmp_path / "out" / "exp.jsonl").read_bytes()
    forced = convert(tmp_path / "exp", "-o", tmp_path / "out", "--force")
    assert forced.exit_code == 0, forced.output
    assert forced.stdout == first.stdout
    assert (tmp_path / "out" / "exp.jsonl").read_bytes() == lines
    assert len(list((tmp_path / "out").glob("otlp/*/*.jsonl"))) == 1
    assert (tmp_path / "out" / "mine.txt").exists()


def test_files_of_other_runs_are_never_replaced(tmp_path: Path) -> None:
    """A folder that a run has written is refused, with --force too."""
    write_run(tmp_path / "exp")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "exp.jsonl").write_text("mine\n")
    for options in ([], ["--force"]):
        result = convert(tmp_path / "exp", "-o", tmp_path / "out", *options)
        assert result.exit_code == 2
        assert "exp.jsonl for one" in result.stderr
    assert (tmp_path / "out" / "exp.jsonl").read_text() == "mine\n"


def test_restarts_and_what_is_left_out(tmp_path: Path) -> None:
    """A file that begins at an earlier step is the next attempt; hparams are settings; images are counted."""
    write_run(tmp_path / "exp")
    with writer(tmp_path / "exp") as events:
        for step in (4, 5):
            events.add_scalar("train/loss", 10.0, step, walltime=BEGIN_S + 100 + step)
        events.add_histogram("weights", np.zeros(3), 5, walltime=BEGIN_S + 106)
        events.add_hparams({"lr": 0.1, "name": "a"}, {"best": 0.5})
    result = convert(tmp_path / "exp", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Left out: 1 histograms." in result.stderr
    (run,) = find_runs(tmp_path / "out")
    assert run.attempts == [0, 1]
    assert read_config(run) == {"lr": 0.1, "name": "a"}
    series = read_series(run, lambda name: name == "train/loss", 0)["train/loss"]
    assert series.steps == [1, 2, 3, 4, 5]
    assert series.values[3:] == [10.0, 10.0]
    last = records(tmp_path / "out", "exp")[-1]
    assert (last["mode"], last["tags"]) == ("val", {"best": 0.5, "iter": 5})


def test_loops_in_folders(tmp_path: Path) -> None:
    """Keras' folders train and validation are one run, and tensors of TensorFlow 2 are scalars."""
    event_pb2 = importlib.import_module("tensorboard.compat.proto.event_pb2")
    summary_v2 = importlib.import_module("tensorboard.plugins.scalar.summary_v2")
    writers = importlib.import_module("tensorboard.summary.writer.event_file_writer")
    for name in ("train", "validation"):
        events = writers.EventFileWriter(str(tmp_path / "logs" / name))
        for step in (0, 1):
            summary = summary_v2.scalar_pb("epoch_loss", 0.1 + step)
            events.add_event(event_pb2.Event(wall_time=BEGIN_S + step, step=step, summary=summary))
        events.close()
    result = convert(tmp_path / "logs", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = records(tmp_path / "out", "logs")
    assert [(each["mode"], each["iter"], each["tags"]["epoch_loss"]) for each in found] == [
        ("train", 0, 0.1),
        ("val", 0, 0.1),
        ("train", 1, 1.1),
        ("val", 1, 1.1),
    ]


def test_several_runs_and_a_torn_file(tmp_path: Path) -> None:
    """Each run gets a folder of its name; the torn end of a file is said, and the rest of it is taken."""
    for name in ("a", "b"):
        write_run(tmp_path / "runs" / name)
    (torn,) = (tmp_path / "runs" / "b").iterdir()
    torn.write_bytes(torn.read_bytes()[:-5])
    result = convert(tmp_path / "runs", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(records(tmp_path / "out" / "a", "a")) == 6
    assert len(records(tmp_path / "out" / "b", "b")) == 5
    assert "bytes of a torn or corrupt end of events.out" in result.stderr
    assert f"Try: otel-mmlog show {tmp_path / 'out'}" in result.stderr


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    """A missing source and one without runs are said in one sentence, and nothing is made."""
    (tmp_path / "empty").mkdir()
    for source, part in (("absent", "does not exist"), ("empty", "there is no run to convert")):
        result = convert(tmp_path / source, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert part in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "mode", "tag"),
    [
        ("loss", "train", "loss"),
        ("train/loss", "train", "loss"),
        ("Loss/train", "train", "loss"),
        ("eval/runtime", "val", "runtime"),
        ("val_loss", "val", "loss"),
        ("train_loss_step", "train", "loss_step"),
        ("train/learning_rate", "train", "lr"),
        ("a/b/test", "test", "a/b"),
        ("train/", "train", "train/"),
        ("value", "train", "value"),
    ],
)
def test_names(name: str, mode: str, tag: str) -> None:
    """The loop stands first or last in a name; what holds none belongs to the default."""
    assert split_name(name, "train") == (mode, tag)


def test_no_two_scalars_share_a_tag() -> None:
    """A second scalar that would have the tag of a first gets another one, and keeps it."""
    names = ScalarNames()
    assert names("train/loss", "train") == ("train", "loss")
    assert names("loss", "train") == ("train", "loss_")
    assert names("train/loss", "train") == ("train", "loss")
