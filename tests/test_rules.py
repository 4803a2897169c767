"""Rules of ``custom_cfg`` in a run."""

from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from tests.conftest import MakeRun
from tests.journals import events, json_lines, records, tags


def test_custom_rules(make_run: MakeRun, tmp_path: Path) -> None:
    """Several rules on one scalar: windows as numbers, over the epoch and over everything."""
    rules = [
        {"data_src": "loss", "method_name": "max", "window_size": 2, "log_name": "loss_max"},
        {"data_src": "loss", "method_name": "mean", "window_size": "epoch", "log_name": "loss_epoch"},
        {"data_src": "loss", "method_name": "min", "window_size": "global", "log_name": "loss_low"},
    ]
    with make_run(interval=4, custom_cfg=rules) as run:
        for epoch in run.epochs(2):
            for value in run.train(range(4)):
                run.log(loss=value + 10 * epoch)
    assert tags(tmp_path, "loss_max") == [3, 13]
    assert tags(tmp_path, "loss_epoch") == [1.5, 11.5]
    assert tags(tmp_path, "loss_low") == [0, 0]


def test_unknown_statistic_is_told_when_training_starts(make_run: MakeRun) -> None:
    """A method that is not registered is an error at ``train``, not at the first record."""
    run = make_run(
        custom_cfg=[{"data_src": "loss", "method_name": "meen", "log_name": "x", "window_size": 2}]
    )
    with pytest.raises(otel_mmlog.UnknownStatisticError, match="meen"):
        run.train([1])


def test_source_that_never_comes_is_told_once(make_run: MakeRun, tmp_path: Path) -> None:
    """A rule whose scalar no loop logged is one WARNING with the nearest name."""
    with make_run(custom_cfg=[{"data_src": "los", "method_name": "max", "log_name": "x"}]) as run:
        for _epoch in run.epochs(3):
            for value in run.train(range(3)):
                run.log(loss=value)
    warnings = [line["event"] for line in json_lines(tmp_path / "tmp.jsonl") if line["level"] == "WARNING"]
    assert len(warnings) == 1
    assert "'los'" in warnings[0]
    assert "'loss'" in warnings[0]


def test_failing_statistic_costs_its_own_tag(make_run: MakeRun, tmp_path: Path) -> None:
    """A registered statistic that raises is told once; the record, its other rules and training go on."""

    def failing(_history: Any, window_size: int = 1) -> float:
        raise RuntimeError("no such luck")

    otel_mmlog.HistoryBuffer.register_statistics(failing)
    rules = [
        {"data_src": "loss", "method_name": "failing", "log_name": "x", "window_size": 2},
        {"data_src": "loss", "method_name": "max", "log_name": "loss_max", "window_size": 2},
    ]
    try:
        with make_run(interval=1, custom_cfg=rules) as run:
            for value in run.train(range(3)):
                run.log(loss=value)
            run.logger.info("after")
    finally:
        del otel_mmlog.HistoryBuffer._statistics_methods["failing"]
    told = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert len(told) == 1
    assert "no such luck" in told[0]
    assert [record["tags"]["loss"] for record in records(tmp_path)] == [0.0, 0.5, 1.0]
    assert tags(tmp_path, "loss_max") == [0, 1, 2]
    assert tags(tmp_path, "x") == []
    assert events(tmp_path)[-1]["event"] == "after"
