"""The handler for Ignite, with its own engines."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog import ConfigError
from tests.conftest import MakeRun
from tests.integrations.examples import heads, run_example
from tests.journals import json_lines, read_journals, records

pytestmark = pytest.mark.filterwarnings("ignore")
engine = pytest.importorskip("ignite.engine", reason="pytorch-ignite is not installed")
MMLogHandler = pytest.importorskip("otel_mmlog.integrations.ignite").MMLogHandler


def test_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each step's output is in the records, the evaluator's metrics in a val record of its epoch."""
    run_example(monkeypatch, "ignite_toy", tmp_path, "--epochs", "2")
    assert heads(tmp_path, "ignite_toy") == [
        head
        for epoch in (1, 2)
        for head in (
            *[f"Epoch(train) [{epoch}][{step}/32]" for step in (10, 20, 30)],
            f"Epoch(val) [{epoch}][4/4]",
            f"Epoch(train) [{epoch}][32/32]",
        )
    ]
    found = records(tmp_path, "ignite_toy")
    assert {"loss", "lr", "time", "data_time", "eta"} <= set(found[0]["tags"])
    assert found[3]["tags"]["accuracy"] > 0.5
    names = sorted(span.name for span in read_journals(tmp_path).spans)
    assert names == [*["mmlog.epoch"] * 2, "mmlog.run", "mmlog.train", *["mmlog.val"] * 2]


def test_waits_for_data_are_timed(make_run: MakeRun, tmp_path: Path) -> None:
    """``data_time`` is the wait for a batch, and ``time`` has it, too; an evaluation is in neither."""

    def slow() -> Iterator[int]:
        for value in range(3):
            time.sleep(0.02)
            yield value

    run = make_run(interval=1, by_epoch=False, window_size=1)
    trainer = engine.Engine(lambda _engine, batch: float(batch))
    evaluator = engine.Engine(lambda _engine, _batch: time.sleep(0.2))
    MMLogHandler().attach(trainer, evaluators={"val": evaluator})
    trainer.add_event_handler(engine.Events.ITERATION_COMPLETED, lambda _engine: evaluator.run([0]))
    trainer.run(slow(), epoch_length=3, max_epochs=1)
    run.close()
    trains = [record["tags"] for record in records(tmp_path) if record["mode"] == "train"]
    assert [tags["loss"] for tags in trains] == [0, 1, 2]
    assert all(0.02 <= tags["data_time"] < 0.15 for tags in trains)
    assert all(0.02 <= tags["time"] < 0.19 for tags in trains)
    vals = [record["tags"] for record in records(tmp_path) if record["mode"] == "val"]
    assert len(vals) == 3


def test_exception_is_raised_as_without_us(tmp_path: Path) -> None:
    """An engine's exception passes; a run that is ended with it has failed."""
    handler = MMLogHandler("tmp", work_dir=tmp_path, console=False)
    trainer = engine.Engine(lambda _engine, batch: 1 / batch)
    handler.attach(trainer)
    with pytest.raises(ZeroDivisionError) as caught:
        trainer.run([2, 1, 0], max_epochs=1)
    handler.held.close(caught.value)
    (end,) = [line for line in json_lines(tmp_path / "tmp.jsonl") if line["event"].startswith("Wrote ")]
    assert end["status"] == "failed"
    assert heads(tmp_path, "tmp") == ["Epoch(train) [1][2/3]"]


def test_wrong_name_of_an_evaluator() -> None:
    """A mistake is told where the handler is attached."""
    one: Any = engine.Engine(lambda _engine, _batch: None)
    with pytest.raises(ConfigError, match="'valid'"):
        MMLogHandler().attach(one, evaluators={"valid": one})
