"""MMEngine's FlexibleRunner, which leaves the logger to a strategy."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.integrations.mmengine.instrumentor import current_run
from tests.integrations.mmengine.runners import TYPE, Metrics, Talker, instrumented, name_of, optim_wrapper
from tests.journals import json_lines, read_journals, text_lines
from tests.oracle.test_log_processor_runner import loader

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.runner import FlexibleRunner


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    """The integration, on."""
    with instrumented():
        yield


def make(folder: Path, **options: Any) -> Any:
    """A FlexibleRunner of two epochs."""
    return FlexibleRunner(
        **{
            "model": Talker(),
            "work_dir": str(folder),
            "experiment_name": name_of(folder),
            "train_dataloader": loader(6),
            "val_dataloader": loader(2),
            "train_cfg": {"by_epoch": True, "max_epochs": 2},
            "val_cfg": {},
            "val_evaluator": [Metrics()],
            "optim_wrapper": optim_wrapper(),
            "default_hooks": {"logger": {"type": "LoggerHook", "interval": 2}},
            "log_processor": {"type": TYPE, "window_size": 3},
            **options,
        }
    )


def test_everything_of_a_run(tmp_path: Path) -> None:
    """Lines, records, metrics and spans are those of a Runner."""
    make(tmp_path).train()
    current_run().close()
    stem = name_of(tmp_path)
    lines = [line for line in text_lines(tmp_path / f"{stem}.log") if "Epoch(train)" in line]
    tagged = [event for event in json_lines(tmp_path / f"{stem}.jsonl") if "tags" in event]
    assert len(lines) == 6
    assert len([event for event in tagged if event["mode"] == "train"]) == 6
    journal = read_journals(tmp_path)
    assert len([p for p in journal.points if p.name == "mmlog.train.loss" and not p.flags & 1]) == 6
    names = [span.name.removeprefix("mmlog.") for span in journal.spans]
    counts = {"run": 1, "train": 1, "epoch": 2, "val": 2, "checkpoint.save": 2}
    assert {name: names.count(name) for name in counts} == counts


def test_level_in_any_case(tmp_path: Path) -> None:
    """Its level may be written in any case, too; what was built before the run began is in it."""
    runner = make(tmp_path, log_level="debug")
    runner.logger.debug("a detail")
    found = "\n".join(text_lines(tmp_path / f"{name_of(tmp_path)}.log"))
    assert "a detail" in found
    assert "`SingleDeviceStrategy` instance is built from registry" in found
    assert "a detail" in Path(runner.logger.log_file).read_text()
