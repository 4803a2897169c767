"""Scalars that meet loops of another mode: behind an inner val loop, behind a train loop, and under full names."""

from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import headers, json_lines, read_journals, records, tags


def values(run: otel_mmlog.Run, key: str) -> list[Any]:
    """All that a history holds."""
    return list(run.hub.get_scalar(key).data[0])


def warnings(work_dir: Path) -> list[str]:
    """The texts of the warnings."""
    return [line["event"] for line in json_lines(work_dir / "tmp.jsonl") if line["level"] == "WARNING"]


def test_train_goes_on_behind_an_inner_val_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """In a train body a name that train has is train's, also behind a val loop; a new one reaches the val record."""
    with make_run(by_epoch=False, interval=1, window_size=1) as run:
        for value in run.train(range(3)):
            if value == 1:
                for _ in run.val(range(2)):
                    run.log(loss=100.0)
                run.log(loss=value, accuracy=0.5)
            else:
                run.log(loss=value)
    assert values(run, "train/loss") == [0, 1, 2]
    assert values(run, "val/loss") == [100, 100]
    (val,) = [record for record in records(tmp_path) if record["mode"] == "val"]
    assert (val["tags"]["loss"], val["tags"]["accuracy"]) == (100, 0.5)
    assert "train/accuracy" not in run.hub.log_scalars


def test_break_behind_an_inner_val_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """What train logs behind an inner val loop makes its iteration count, also where the loop is left."""
    with make_run(by_epoch=False) as run:
        for value in run.train(range(9)):
            if value == 1:
                for _ in run.val(range(1)):
                    run.log(acc=1.0)
            run.log(loss=value)
            if value == 1:
                break
    assert [(record["mode"], record["iter"]) for record in records(tmp_path)] == [("val", 2), ("train", 2)]


def test_logged_behind_the_train_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """What is logged behind a train loop moves no iteration: the next record has it, or one of its own at the end."""
    with make_run(interval=2) as run:
        for epoch in run.epochs(2):
            for value in run.train(range(4)):
                run.log(loss=value)
            run.log(epoch_loss=epoch)
            run.log(other=epoch)
    found = [(record["iter"], record["tags"].get("epoch_loss")) for record in records(tmp_path)]
    assert found == [(2, None), (4, None), (6, 0), (8, 0), (8, 0.5)]
    assert headers(tmp_path)[-1] == "Epoch(train) [2][4/4]"
    assert tags(tmp_path, "other") == [0, 0, 1]


def test_logged_behind_the_last_train_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """Behind the training, outside of ``epochs`` too, it is a last record; ``step`` names an iteration of its own."""
    with make_run(interval=4) as run:
        for value in run.train(range(4)):
            run.log(loss=value)
        run.log(final=1.0)
        run.log(more=2.0, step=4)
        run.log(later=3.0, step=9)
        run.log(next=4.0)
    found = records(tmp_path)
    assert [record["iter"] for record in found] == [4, 4, 10]
    assert (found[1]["tags"]["final"], found[1]["tags"]["more"]) == (1.0, 2.0)
    assert headers(tmp_path)[1:] == ["Epoch(train) [1][4/4]", "Iter(train) [10/?]"]


def test_full_names_in_a_train_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """In a train loop ``val/acc`` is val's, and a record of its own at the iteration that runs."""
    with make_run(interval=3) as run:
        for value in run.train(range(3)):
            run.log({"train/loss": value, "val/acc": value / 2, "other": 1})
    assert {"train/loss", "train/other", "val/acc"} <= set(run.hub.log_scalars)
    assert not [key for key in run.hub.log_scalars if key.count("/") > 1]
    found = [(record["mode"], record["event_name"], record["iter"]) for record in records(tmp_path)]
    val = [("val", "mmlog.val.epoch", number) for number in (1, 2, 3)]
    assert found == [*val, ("train", "mmlog.train.iter", 3)]
    assert tags(tmp_path, "acc") == [0.0, 0.5, 1.0]


def test_full_names_in_a_val_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """In a val loop ``train/x`` is train's, and ``val/acc`` is the loop's ``acc``."""
    with make_run(interval=2) as run:
        for _epoch in run.epochs(2):
            for value in run.train(range(2)):
                run.log(loss=value)
            for value in run.val(range(2)):
                run.log({"train/seen": value, "val/acc": value})
            run.log({"test/f1": 0.25})
    found = [(record["mode"], record["iter"]) for record in records(tmp_path)]
    epochs = [("train", 2), ("test", 2), ("val", 2), ("train", 4), ("test", 4), ("val", 4)]
    assert found == [*epochs, ("train", 4)]
    assert tags(tmp_path, "seen") == [1, 1]
    assert tags(tmp_path, "acc") == [0.5, 0.5]
    assert tags(tmp_path, "f1") == [0.25, 0.25]


def test_names_of_the_run_itself(make_run: MakeRun, tmp_path: Path) -> None:
    """A scalar that is called like a tag of the run's own gets ``_value`` behind it, and one warning in all."""
    own = ("epoch", "iter", "eta", "memory", "time", "data_time")
    with make_run(interval=1) as run:
        for _ in run.train(range(2)):
            run.log(dict.fromkeys(own, 100.0), loss=1.0)
    assert all(tags(tmp_path, f"{name}_value") == [100.0, 100.0] for name in own)
    assert tags(tmp_path, "iter") == [1, 2]
    assert max(tags(tmp_path, "time")) < 100
    found = warnings(tmp_path)
    assert len(found) == len(own)
    assert all(any(f"'{name}'" in text for text in found) for name in own)


def test_times_are_free_without_loops(make_run: MakeRun, tmp_path: Path) -> None:
    """Where no loop measures them, ``time`` and ``data_time`` are the caller's."""
    with make_run(interval=1) as run:
        run.log(time=2.0, data_time=1.0, epoch=3)
        assert {"train/time", "train/data_time", "train/epoch_value"} == set(run.hub.log_scalars)
        for _ in run.train(range(1)):
            run.log(time=9.0)
    assert values(run, "train/time_value") == [9.0]
    assert tags(tmp_path, "epoch_value") == [3, 3]


@pytest.mark.parametrize("place", ["train", "val", "behind", "between"])
def test_step_inside_of_loops(make_run: MakeRun, tmp_path: Path, place: str) -> None:
    """Loops count by themselves: ``step`` is ignored in and between them, with one warning."""
    with make_run(interval=2) as run:
        for _epoch in run.epochs(2):
            for value in run.train(range(2)):
                run.log(loss=value, step=700 if place == "train" else None)
            if place == "between":
                run.log(x=1.0, step=700)
            for value in run.val(range(2)):
                run.log(acc=value, step=700 if place == "val" else None)
            if place == "behind":
                run.log(x=1.0, step=700)
    assert {record["iter"] for record in records(tmp_path)} == {2, 4}
    assert len([text for text in warnings(tmp_path) if "step" in text]) == 1


def test_raw_values_behind_a_val_loop(make_run: MakeRun, tmp_path: Path) -> None:
    """A raw value that is logged behind a val loop has that time, not that of the next train iteration."""
    with make_run(steps="every", interval=1) as run:
        for _ in run.val(range(1)):
            run.log(acc=0.25)
        run.log(total=0.5)
        run.logger.info("mark")
        for value in run.train(range(1)):
            run.log(loss=value)
    journals = read_journals(tmp_path)
    (raw,) = [point for point in journals.points if point.name == "mmlog.raw.val.total" and not point.flags]
    (mark,) = [log for log in journals.logs if log.body == "mark"]
    assert raw.value == 0.5
    assert raw.time_ns < mark.time_ns
