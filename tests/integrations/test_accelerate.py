"""The tracker for Accelerate, with its own `Accelerator`."""

from pathlib import Path

import pytest

from tests.conftest import MakeRun
from tests.integrations.examples import heads, run_example
from tests.journals import events, records

pytestmark = pytest.mark.filterwarnings("ignore")
accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
MMLogTracker = pytest.importorskip("otel_mmlog.integrations.accelerate").MMLogTracker


def test_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each call is a record under the names of dashboards; the settings are the run's."""
    run_example(monkeypatch, "accelerate_toy", tmp_path, "--epochs", "1")
    assert sorted(heads(tmp_path, "accelerate_toy")) == [
        "Iter(train) [16/?]",
        "Iter(train) [8/?]",
        "Iter(val) [16/?]",
    ]
    by_mode = {record["mode"]: record["tags"] for record in records(tmp_path, "accelerate_toy")}
    assert {"loss", "lr"} <= set(by_mode["train"])
    assert set(by_mode["val"]) == {"accuracy", "iter"}
    (config,) = [line for line in events(tmp_path, "accelerate_toy") if line["event"] == "Config"]
    assert config["config"] == {"lr": 0.1, "epochs": 1}


def test_open_run_is_used(make_run: MakeRun, tmp_path: Path) -> None:
    """Inside the run's own loops, what is logged belongs to the batch; texts become lines; the run goes on."""
    run = make_run(interval=1)
    accelerator = accelerate.Accelerator(log_with=MMLogTracker(), cpu=True)
    accelerator.init_trackers("any")
    for value in run.train(range(2)):
        accelerator.log({"train_loss": value, "note": "hello"}, step=7)
    assert accelerator.get_tracker("otel_mmlog", unwrap=True) is run
    accelerator.end_training()
    assert not run.closed
    run.close()
    assert heads(tmp_path, "tmp") == ["Epoch(train) [1][1/2]", "Epoch(train) [1][2/2]"]
    assert records(tmp_path)[0]["tags"]["loss"] == 0
    assert [line["text"] for line in events(tmp_path) if line["event"] == "note"] == ["hello"] * 2


def test_closed_run_costs_nothing(make_run: MakeRun) -> None:
    """Logging without a run is nothing, and raises nothing."""
    run = make_run()
    accelerator = accelerate.Accelerator(log_with=MMLogTracker(), cpu=True)
    accelerator.init_trackers("any", config={"a": 1})
    run.close()
    accelerator.log({"loss": 1.0})
    accelerator.end_training()
