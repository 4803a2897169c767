"""The logger for Lightning, with its own `Trainer`."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeRun
from tests.integrations.examples import heads, run_example
from tests.journals import events, json_lines, read_journals, records

pytestmark = pytest.mark.filterwarnings("ignore")
lightning = pytest.importorskip("lightning", reason="lightning is not installed")
torch = pytest.importorskip("torch")
logger_module = pytest.importorskip("otel_mmlog.integrations.lightning")
MMLogLogger = logger_module.MMLogLogger


class Tiny(lightning.LightningModule):  # type: ignore[name-defined]
    """Logs in each of the places where modules log; ``poison`` is the batch that it cannot take."""

    def __init__(self, poison: int | None = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.poison = poison

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        if batch_idx == self.poison:
            raise RuntimeError("poison")
        loss = self.layer(batch).mean()
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", self.layer(batch).mean())

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("accuracy", batch.mean())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(folder: Path, logger: Any, **arguments: Any) -> Any:
    return lightning.Trainer(
        accelerator="cpu",
        logger=logger,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"max_epochs": 1, "log_every_n_steps": 2, "enable_checkpointing": False, **arguments},
    )


def batches() -> Any:
    return torch.utils.data.DataLoader(torch.arange(4.0)[:, None])


def test_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Records come as the trainer logs, with validations and checkpoints as spans of each epoch."""
    run_example(monkeypatch, "lightning_toy", tmp_path, "--epochs", "2")
    assert heads(tmp_path, "lightning_toy") == [
        head
        for epoch in (1, 2)
        for head in (
            *[f"Epoch(train) [{epoch}][{step}/32]" for step in (10, 20, 30)],
            f"Epoch(val) [{epoch}][4/4]",  # and nothing behind it: no scalar of the last steps was logged
        )
    ]
    found = records(tmp_path, "lightning_toy")
    assert [record["iter"] for record in found if record["mode"] == "val"] == [32, 64]
    assert {"loss", "time", "data_time", "eta"} <= set(found[0]["tags"])
    assert found[3]["tags"]["acc"] > 0.5
    spans = read_journals(tmp_path).spans
    names = {span.span_id: span.name for span in spans}
    assert sorted((names.get(span.parent_id, ""), span.name) for span in spans) == [
        ("", "mmlog.run"),
        *[("mmlog.epoch", "mmlog.checkpoint.save")] * 2,
        *[("mmlog.epoch", "mmlog.val")] * 2,
        ("mmlog.run", "mmlog.train"),
        *[("mmlog.train", "mmlog.epoch")] * 2,
    ]
    (config,) = [line for line in events(tmp_path, "lightning_toy") if line["event"] == "Config"]
    assert config["config"] == {"lr": 0.1}


def test_open_run_is_used(make_run: MakeRun, tmp_path: Path) -> None:
    """Where the user has begun a run, its settings hold, and it goes on behind ``fit`` and ``test``."""
    run = make_run(by_epoch=False, interval=1)
    training = trainer(tmp_path, MMLogLogger("other"))
    model = Tiny()
    training.fit(model, batches(), batches())
    training.test(model, batches(), verbose=False)
    assert not run.closed
    run.close()
    assert heads(tmp_path, "tmp") == [
        *[f"Iter(train) [{step}/4]" for step in (1, 2)],
        "Iter(val) [4/4]",
        "Iter(train) [4/4]",  # with what Lightning logs behind the epoch
        "Iter(test) [4/4]",
    ]
    assert [record["iter"] for record in records(tmp_path)] == [1, 2, 4, 4, 4]
    assert records(tmp_path)[-1]["tags"]["accuracy"] == 1.5
    logged = [{"loss_step", "loss_epoch"}.intersection(record["tags"]) for record in records(tmp_path)]
    assert logged == [set(), {"loss_step"}, set(), {"loss_step", "loss_epoch"}, set()]
    assert not list(tmp_path.rglob("other*"))


@pytest.mark.parametrize("by_epoch", [False, True])
def test_ordinary_training_warns_of_nothing(tmp_path: Path, by_epoch: bool) -> None:
    """``fit``, ``validate`` and ``test`` one after the other leave no warning of the run's."""
    logger = MMLogLogger("tmp", work_dir=tmp_path, console=False, by_epoch=by_epoch)
    training, model = trainer(tmp_path, logger), Tiny()
    training.fit(model, batches(), batches())
    training.validate(model, batches(), verbose=False)
    training.test(model, batches(), verbose=False)
    logger.held.close()
    assert not [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert [record["iter"] for record in records(tmp_path) if record["mode"] != "train"] == [4, 4, 4]


def test_accumulated_steps_count_batches(tmp_path: Path) -> None:
    """Iterations are batches, whose number and epoch are known, where optimizer steps are fewer."""
    logger = MMLogLogger("tmp", work_dir=tmp_path, console=False, by_epoch=False, interval=1)
    arguments = {"max_epochs": 2, "accumulate_grad_batches": 2, "log_every_n_steps": 1}
    trainer(tmp_path, logger, **arguments).fit(Tiny(), batches())
    logger.held.close()
    assert heads(tmp_path, "tmp") == [f"Iter(train) [{step}/8]" for step in (1, 2, 4, 6, 8)]
    assert [record["epoch"] for record in records(tmp_path)] == [1, 1, 1, 2, 2]


def test_resumed_training(tmp_path: Path) -> None:
    """A training that goes on from a checkpoint in the middle of an epoch counts on."""
    model, path = Tiny(), tmp_path / "a.ckpt"
    for max_steps in (6, 8):
        logger = MMLogLogger("tmp", work_dir=tmp_path, console=False, resume=path.exists())
        saving = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, "a", every_n_train_steps=6)
        arguments = {
            "max_steps": max_steps,
            "max_epochs": None,
            "log_every_n_steps": 1,
            "callbacks": [saving],
        }
        training = trainer(tmp_path, logger, enable_checkpointing=True, **arguments)
        training.fit(model, batches(), ckpt_path=path if path.exists() else None)
        logger.held.close()
    found = [(record["attempt"], record["event"].split("  ")[0]) for record in records(tmp_path)]
    assert [head for attempt, head in found if attempt == 0] == [
        *[f"Epoch(train) [1][{step}/4]" for step in (1, 2, 3, 4)],
        *[f"Epoch(train) [2][{step}/4]" for step in (1, 2)],
    ]
    assert [head for attempt, head in found if attempt == 1] == [
        f"Epoch(train) [2][{step}/4]" for step in (3, 4)
    ]


def test_exception_fails_the_run(tmp_path: Path) -> None:
    """An exception in a step ends the run as failed, and is raised as without us."""
    logger = MMLogLogger("tmp", work_dir=tmp_path, console=False)
    with pytest.raises(RuntimeError, match="poison"):
        trainer(tmp_path, logger).fit(Tiny(poison=3), batches())
    lines = json_lines(tmp_path / "tmp.jsonl")
    assert [line["status"] for line in lines if line["event"].startswith("Wrote ")] == ["failed"]
    assert heads(tmp_path, "tmp") == ["Epoch(train) [1][2/4]"]


def test_faults_cost_no_training(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What logger and callback cannot do is told once, and training goes on."""
    run = make_run()
    monkeypatch.setattr(logger_module.FollowedTraining, "begin_step", lambda *_args: 1 / 0)
    training = trainer(tmp_path, MMLogLogger())
    training.fit(Tiny(), batches())
    run.close()
    assert training.global_step == 4
    assert len([line for line in events(tmp_path) if "on_train_batch_start" in line["event"]]) == 1
