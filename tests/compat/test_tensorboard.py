"""TensorBoard's face."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otel_mmlog.compat import unkept
from otel_mmlog.compat.tensorboard import SummaryWriter
from tests.conftest import MakeRun
from tests.journals import events, headers, json_lines, records


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was told by other tests."""
    monkeypatch.setattr(unkept.tell, "_told", set())


def writer(folder: Path, **options: Any) -> SummaryWriter:
    return SummaryWriter(folder, console=False, **options)


def test_script(tmp_path: Path) -> None:
    """Scalars of one step are one record; texts are lines, hyperparameters the config."""
    folder = tmp_path / "tmp"
    with writer(folder, flush_secs=3) as board:
        for value in range(2):
            board.add_scalar("Loss/train", value, value)
            board.add_scalar("lr", 0.1, global_step=value)
        board.add_scalars("acc", {"train": 0.5, "val": 0.25}, 1)
        board.add_text("hello", "world", 1)
        board.add_hparams({"lr": 0.1}, {"hparam/acc": 1.0})
        board.add_scalar("none", None, 1)
        board.flush()
        assert board.get_logdir() == str(folder)
    assert headers(folder) == ["Iter(train) [0/?]", "Iter(val) [1/?]", "Iter(train) [1/?]"]
    assert records(folder)[0]["tags"] == {"loss": 0, "lr": 0.1, "iter": 0}
    assert records(folder)[1]["tags"]["acc"] == 0.25
    assert records(folder)[2]["tags"] == {"loss": 1, "lr": 0.1, "acc": 0.5, "hparam/acc": 1, "iter": 1}
    found = {line["event"]: line for line in events(folder)}
    assert found["Config"]["config"] == {"lr": 0.1}
    assert (found["hello"]["text"], found["hello"]["event_name"]) == ("world", "mmlog.text")
    assert any(event.startswith("SummaryWriter: 'none' is left out: it is None") for event in found)


def test_writers_share_a_run(tmp_path: Path) -> None:
    """A writer each for train and val, in folders called so, are one run, which ends with the last of them."""
    folder = tmp_path / "tmp"
    train, val = writer(folder / "train"), writer(folder / "val")
    train.add_scalar("loss", 1, 1)
    train.close()
    closed = [val.run.closed]
    val.add_scalar("loss", 2, 1)
    val.close()
    assert [*closed, val.run.closed] == [False, True]
    assert [(record["mode"], record["tags"]["loss"]) for record in records(folder)] == [
        ("val", 2),
        ("train", 1),
    ]


def test_writers_of_other_folders_keep_their_tags_apart(tmp_path: Path) -> None:
    """The second's folder is in its tags, behind the loop; a third in the first's folder has those of the first."""
    boards = [writer(tmp_path / name) for name in ("tmp", "b/val", "tmp", "c/b/val")]
    for value, board in enumerate(boards):
        board.add_scalar("loss", value, 1)
        board.add_scalar("val/acc", value, 1)
    for board in boards:
        board.close()
    found = [(record["mode"], record["tags"]) for record in records(tmp_path / "tmp")]
    assert {name for mode, tags in found if mode == "val" for name in tags} == {
        "acc",
        "b/loss",
        "b/acc",
        "c/b/loss",
        "c/b/acc",
        "iter",
    }
    assert {name for mode, tags in found if mode == "train" for name in tags} == {"loss", "iter"}


def test_next_writer_begins_a_run(tmp_path: Path) -> None:
    """A writer behind another that is closed has a run of its own."""
    runs = []
    for name in ("a", "b"):
        with writer(tmp_path / name) as board:
            runs.append(board.run.run_id)
    assert len(set(runs)) == 2
    assert (tmp_path / "b" / "b.jsonl").is_file()


def test_steps_are_cut_to_whole_numbers(tmp_path: Path) -> None:
    """As TensorBoard does it with all that ``int`` takes."""
    steps: list[Any] = [1.75, np.float32(2.5), "3", True]
    with writer(tmp_path) as board:
        for step in steps:
            board.add_scalar("loss", 1, step)
        board.add_scalar("loss", 1, float("nan"))
    assert [record["iter"] for record in records(tmp_path, tmp_path.name)] == [1, 2, 3, 1]
    told = [line["event"] for line in events(tmp_path, tmp_path.name) if line["level"] == "WARNING"]
    assert len(told) == 1


def test_closed_writer_is_opened_again(tmp_path: Path) -> None:
    """What is added behind ``close`` is the next attempt of the same run, and goes on with its steps."""
    folder = tmp_path / "tmp"
    board = writer(folder)
    for step in (1, 5, None, 3):
        board.add_scalar("loss", 1, step)
        board.add_scalar("loss", 1, step)
        board.close()
    found = records(folder)
    assert [(each["attempt"], each["iter"]) for each in found] == [(0, 1), (1, 5), (2, 6), (2, 7), (3, 3)]
    assert len({each["run_id"] for each in found}) == 1


def test_what_is_not_kept_is_told_once(tmp_path: Path) -> None:
    """Pictures and the like are told of by name, and other attributes do not exist."""
    folder = tmp_path / "tmp"
    with writer(folder) as board:
        for _ in range(2):
            board.add_image("x", [[0]], 1)
            board.add_scalar("loss", 1, 1, walltime=3.0)
        with pytest.raises(AttributeError, match="remove"):
            board.remove()
    told = [line["event"] for line in events(folder) if line["level"] == "WARNING"]
    assert [line.partition(" ")[0] for line in told] == ["SummaryWriter.add_image", "SummaryWriter:"]


def test_exception_fails_the_run(tmp_path: Path) -> None:
    """An exception in the block of a writer is that of its run."""
    folder = tmp_path / "tmp"
    with pytest.raises(RuntimeError, match="mine"), writer(folder):
        raise RuntimeError("mine")
    lines = json_lines(folder / "tmp.jsonl")
    assert [line["status"] for line in lines if line["event"].startswith("Wrote ")] == ["failed"]


def test_open_run_is_used(make_run: MakeRun, tmp_path: Path) -> None:
    """A run that is open takes the scalars of each batch, and goes on behind ``close``."""
    run = make_run(interval=1)
    board = writer(tmp_path / "other")
    for value in run.train(range(2)):
        board.add_scalar("Loss/train", value, value)
    board.close()
    assert not run.closed
    run.close()
    assert not [line for line in events(tmp_path) if line["level"] == "WARNING"]
    assert headers(tmp_path) == ["Epoch(train) [1][1/2]", "Epoch(train) [1][2/2]"]
