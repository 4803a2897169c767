"""When a run warns of a rule whose scalar never comes."""

from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import json_lines, records


def rule(source: str) -> dict[str, Any]:
    """A rule on that scalar."""
    return {"data_src": source, "method_name": "max", "log_name": f"max_{source}"}


def warnings(run: otel_mmlog.Run) -> list[str]:
    """The texts of the warnings so far."""
    return [line["event"] for line in json_lines(run.files[1]) if line["level"] == "WARNING"]


def test_val_name_that_comes_late(make_run: MakeRun) -> None:
    """A bare name that the first val loop, in epoch 3, logs is no mistake; the one beside it is."""
    with make_run(custom_cfg=[rule("accuracy"), rule("acurracy")]) as run:
        for epoch in run.epochs(4):
            for value in run.train(range(2)):
                run.log(loss=value)
            if epoch == 2:
                for value in run.val(range(2)):
                    run.log(accuracy=value)
            assert epoch == 3 or not warnings(run)
        (warning,) = warnings(run)
    assert "'acurracy' (nearest: 'accuracy'" in warning
    assert warnings(run) == [warning]


@pytest.mark.parametrize("trained", [True, False])
def test_val_prefix(make_run: MakeRun, trained: bool) -> None:
    """A source that is written ``val/x`` is due at the end of the first val loop, whatever was before."""
    with make_run(custom_cfg=[rule("val/acurracy")]) as run:
        if trained:
            for value in run.train(range(2)):
                run.log(loss=value)
        for value in run.val(range(2)):
            run.log(accuracy=value)
        run.log(late=1.0)
        run.state_dict()
        assert len(warnings(run)) == 1
        assert list(run.val(range(2))) == [0, 1]
    assert len(warnings(run)) == 1


def test_train_prefix(make_run: MakeRun) -> None:
    """A source that is written ``train/x`` is due when the second epoch begins; what is behind the loop counts."""
    with make_run(custom_cfg=[rule("train/los"), rule("train/epoch_loss")]) as run:
        for _epoch in run.epochs(2):
            for value in run.train(range(2)):
                run.log(loss=value)
            run.log(epoch_loss=1.0)
        found = warnings(run)
    assert len(found) == 1
    assert "'train/los'" in found[0]
    assert "epoch_loss" not in found[0].split("(")[0]
    assert warnings(run) == found


def test_one_long_loop(make_run: MakeRun) -> None:
    """Where iterations count, the first val loop inside the train loop is the time to tell."""
    with make_run(by_epoch=False, custom_cfg=[rule("los"), rule("accuracy")]) as run:
        for value in run.train(range(4)):
            run.log(loss=value)
            if value == 1:
                for _ in run.val(range(1)):
                    run.log(accuracy=1.0)
        found = warnings(run)
    assert len(found) == 1
    assert "'los'" in found[0]
    assert "accuracy" not in found[0].split("(")[0]


def test_rule_that_always_fails_is_called_once_a_record(make_run: MakeRun, tmp_path: Path) -> None:
    """A statistic that raises is called once for each of its rules and records, not again for its neighbours."""
    calls = []

    def raising(history: Any) -> float:
        calls.append(history)
        raise RuntimeError("no")

    otel_mmlog.HistoryBuffer.register_statistics(raising)
    rules = [{"data_src": "loss", "method_name": "raising", "log_name": f"r{number}"} for number in range(3)]
    try:
        with make_run(interval=1, custom_cfg=rules) as run:
            for value in run.train(range(4)):
                run.log(loss=value)
            for value in run.val(range(2)):
                run.log(loss=value)
    finally:
        del otel_mmlog.HistoryBuffer._statistics_methods["raising"]
    assert len(records(tmp_path)) == 5
    assert len(calls) == 3 * 5
    assert len(warnings(run)) == 3
