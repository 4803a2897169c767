"""The callback for transformers, with its own `Trainer`."""

import math
import time
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog import ConfigError
from tests.conftest import MakeRun
from tests.integrations.examples import heads, run_example
from tests.journals import events, json_lines, read_journals, records

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
torch = pytest.importorskip("torch")
callback_module = pytest.importorskip("otel_mmlog.integrations.transformers")
MMLogCallback = callback_module.MMLogCallback
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("_no_progress")]


@pytest.fixture
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bars on the terminal."""
    monkeypatch.setenv("TQDM_DISABLE", "1")


class Tiny(torch.nn.Module):  # type: ignore[misc, name-defined]
    """The smallest model that a trainer takes; ``poison`` is the row that it cannot take."""

    def __init__(self, poison: float | None = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.poison = poison
        self.eval_s = 0.0

    def forward(self, x: Any, labels: Any) -> dict[str, Any]:
        if self.poison is not None and (x == self.poison).any():
            raise RuntimeError("poison")
        if not self.training:
            time.sleep(self.eval_s)
        return {"loss": ((self.layer(x) - labels) ** 2).mean(), "logits": self.layer(x)}


def trainer(folder: Path, callback: Any, poison: float | None = None, **arguments: Any) -> Any:
    rows = [{"x": torch.tensor([float(i)]) / 16, "labels": torch.tensor([1.0])} for i in range(16)]
    settings = {"max_steps": 4, "logging_steps": 2, "save_strategy": "no", "eval_strategy": "no"}
    return transformers.Trainer(
        model=Tiny(poison),
        args=transformers.TrainingArguments(
            output_dir=str(folder / "output"),
            per_device_train_batch_size=4,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            **{**settings, **arguments},
        ),
        train_dataset=rows,
        eval_dataset=rows[:8],
        callbacks=[callback],
    )


def test_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Records come as the trainer logs, validations behind them; config, spans and checkpoints are there."""
    run_example(monkeypatch, "transformers_toy", tmp_path)
    lines = heads(tmp_path, "transformers_toy")
    assert lines == [
        "Iter(train) [10/40]",
        "Iter(train) [20/40]",
        "Iter(val) [8/8]",
        "Iter(train) [30/40]",
        "Iter(train) [40/40]",
        "Iter(val) [8/8]",
    ]
    first, last = records(tmp_path, "transformers_toy")[0], records(tmp_path, "transformers_toy")[-2]
    assert [record["iter"] for record in records(tmp_path, "transformers_toy")] == [10, 20, 20, 30, 40, 40]
    assert {"lr", "loss", "grad_norm", "time", "data_time", "eta"} <= set(first["tags"])
    assert last["tags"]["loss"] < first["tags"]["loss"]
    journals = read_journals(tmp_path)
    assert sorted(span.name for span in journals.spans) == [
        *["mmlog.checkpoint.save"] * 2,
        *["mmlog.epoch"] * len({record["epoch"] for record in records(tmp_path, "transformers_toy")}),
        "mmlog.run",
        "mmlog.train",
        *["mmlog.val"] * 2,
    ]
    assert {"mmlog.train.loss", "mmlog.train.lr", "mmlog.val.loss"} <= {
        point.name for point in journals.points
    }
    (config,) = [line for line in events(tmp_path, "transformers_toy") if line["event"] == "Config"]
    assert (config["config"]["max_steps"], config["config"]["model"]["n_embd"]) == (40, 16)


def test_numbers_are_the_trainers(tmp_path: Path) -> None:
    """A record's loss and epoch are what the trainer has in its own history, and its settings keep their types."""
    callback = MMLogCallback("tmp", work_dir=tmp_path, console=False)
    training = trainer(tmp_path, callback, max_steps=10, eval_strategy="epoch")
    training.train()
    training.evaluate()
    callback.held.close()
    theirs = [entry["loss"] for entry in training.state.log_history if "loss" in entry]
    found = records(tmp_path)
    assert [record["tags"]["loss"] for record in found if record["mode"] == "train"] == theirs
    epochs = [math.ceil(entry["epoch"]) for entry in training.state.log_history if "train_loss" not in entry]
    assert [record["epoch"] for record in found] == epochs == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    (config,) = [line["config"] for line in events(tmp_path) if line["event"] == "Config"]
    assert (config["optim_args"], config["report_to"], config["bf16"]) == (None, [], False)
    (text,) = [line for line in (tmp_path / "tmp.log").read_text().splitlines() if " - Config " in line]
    assert len(text) < 600
    assert text.endswith(" more in the JSON file}")


@pytest.mark.parametrize("by_epoch", [False, True])
def test_resumed_training(tmp_path: Path, by_epoch: bool) -> None:
    """A training that goes on from a checkpoint is the next attempt of its run, and counts on."""
    for checkpoint in (None, str(tmp_path / "output" / "checkpoint-6")):
        callback = MMLogCallback("tmp", work_dir=tmp_path, console=False, by_epoch=by_epoch)
        arguments: dict[str, Any] = {
            "max_steps": 8 if checkpoint else 6,
            "save_strategy": "steps",
            "save_steps": 6,
        }
        training = trainer(tmp_path, callback, **arguments)
        training.train(resume_from_checkpoint=checkpoint)
        callback.held.close()
    found = [(record["attempt"], record["iter"]) for record in records(tmp_path)]
    assert found == [(0, 2), (0, 4), (0, 6), (1, 8)]
    assert heads(tmp_path, "tmp")[-2:] == (
        ["Epoch(train) [2][2/4]", "Epoch(train) [2][4/4]"]
        if by_epoch
        else ["Iter(train) [6/6]", "Iter(train) [8/8]"]
    )


def test_open_run_is_used(make_run: MakeRun, tmp_path: Path) -> None:
    """Where the user has begun a run, its settings hold, and it goes on behind the training."""
    run = make_run(interval=1)
    training = trainer(tmp_path, MMLogCallback("other"), eval_strategy="epoch")
    training.train()
    assert not run.closed
    training.evaluate()
    training.predict(training.eval_dataset)
    run.close()
    assert heads(tmp_path, "tmp") == [
        *[f"Epoch(train) [1][{step}/4]" for step in (1, 2, 4)],
        "Epoch(val) [1][1/1]",
        "Iter(val) [4/?]",
        "Iter(test) [4/?]",
    ]
    assert not list(tmp_path.rglob("other*"))


def test_waits_for_data_are_timed(tmp_path: Path) -> None:
    """``data_time`` is what a slow data set costs, and neither logging nor validation."""
    callback = MMLogCallback("tmp", work_dir=tmp_path, console=False, interval=1, window_size=1)
    training = trainer(tmp_path, callback, eval_strategy="steps", eval_steps=1, logging_steps=1)

    def collate(rows: list[Any]) -> Any:
        time.sleep(0.02)
        return transformers.default_data_collator(rows)

    training.data_collator = collate
    training.model.eval_s = 0.1
    training.train()
    callback.held.close()
    trains = [record["tags"] for record in records(tmp_path) if record["mode"] == "train"]
    vals = [record["tags"] for record in records(tmp_path) if record["mode"] == "val"]
    assert len(trains) == len(vals) == 4
    assert all(tags["data_time"] <= tags["time"] for tags in trains)
    assert all(tags["time"] < 0.1 for tags in trains[1:])
    assert all(tags["time"] >= 0.1 for tags in vals)


def test_exception_ends_the_loops(tmp_path: Path) -> None:
    """An exception leaves the trainer as it is; the next training begins behind it, and the run can be failed."""
    callback = MMLogCallback("tmp", work_dir=tmp_path, console=False)
    training = trainer(tmp_path, callback, poison=0.25)
    with pytest.raises(RuntimeError, match="poison") as caught:
        training.train()
    training.model.poison = None
    training.train()
    callback.held.close(caught.value)
    assert heads(tmp_path, "tmp")[-2:] == ["Iter(train) [2/4]", "Iter(train) [4/4]"]
    assert [span.name for span in read_journals(tmp_path).spans] == [
        *["mmlog.epoch", "mmlog.train"] * 2,
        "mmlog.run",
    ]
    (end,) = [line for line in json_lines(tmp_path / "tmp.jsonl") if line["event"].startswith("Wrote ")]
    assert end["status"] == "failed"


def test_faults_cost_no_training(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the callback cannot do is told once, and training goes on."""
    run = make_run()
    monkeypatch.setattr(callback_module.FollowedTraining, "end_step", lambda _self: 1 / 0)
    training = trainer(tmp_path, MMLogCallback())
    training.train()
    run.close()
    assert training.state.global_step == 4
    told = [line["event"] for line in events(tmp_path) if "MMLogCallback.on_step_end" in line["event"]]
    assert len(told) == 1


def test_unknown_option() -> None:
    """A mistake is told where the callback is made."""
    with pytest.raises(ConfigError, match="intervall"):
        MMLogCallback(intervall=3)
