"""wandb's face."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog import ConfigError
from otel_mmlog.compat import unkept, wandb
from otel_mmlog.loops.told import TellOnce
from tests.conftest import MakeRun
from tests.journals import events, headers, json_lines, records


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was told by other tests."""
    monkeypatch.setattr(unkept.tell, "_told", set())
    assert isinstance(unkept.tell, TellOnce)


def begin(tmp_path: Path, **arguments: Any) -> wandb.Run:
    return wandb.init(project="p", **{"name": "tmp", "work_dir": tmp_path, "console": False, **arguments})


def test_script(tmp_path: Path) -> None:
    """``init``, ``config``, ``log`` and ``finish`` write records, settings and a summary, as the script has them."""
    run = begin(tmp_path, config={"lr": 0.1}, tags=["a"])
    wandb.config.batch = 3
    wandb.config.update(argparse.Namespace(seed=1), allow_val_change=True)
    for value in range(2):
        wandb.log({"loss": value, "val": {"acc": value / 2}, "note": "hello"})
    wandb.summary["best"] = 7
    assert wandb.run is run
    assert (wandb.config.lr, wandb.config["seed"], run.step) == (0.1, 1, 2)
    wandb.finish()
    assert not wandb.run
    assert sorted(headers(tmp_path)) == ["Iter(train) [1/?]", "Iter(train) [2/?]", *["Iter(val) [1/1]"] * 2]
    found = {line["event"]: line for line in events(tmp_path)}
    assert found["Config"]["config"] == {"tags": ["a"], "lr": 0.1, "batch": 3, "seed": 1}
    assert found["Summary"]["summary"] == {"loss": 1, "val/acc": 0.5, "note": "hello", "best": 7}
    assert found["note"]["text"] == "hello"


def test_steps(tmp_path: Path) -> None:
    """A step numbers the record; ``commit=False`` waits for the next call."""
    with begin(tmp_path) as run:
        run.log({"loss": 1}, step=5)
        run.log({"loss": 2}, commit=False)
        run.log({"lr": 3}, step=9)
        run.log({"last": 4}, commit=False)
    assert headers(tmp_path) == ["Iter(train) [5/?]", "Iter(train) [9/?]", "Iter(train) [10/?]"]
    assert records(tmp_path)[1]["tags"] == {"loss": 2, "lr": 3, "iter": 9}


def test_what_is_not_kept_is_told_once(tmp_path: Path) -> None:
    """Pictures and the like are left out, and cost the rest nothing."""
    run = begin(tmp_path)
    for _ in range(2):
        wandb.watch(None, log="all")
        run.define_metric("loss", summary="min")
        wandb.log({"image": wandb.Image([[0]]), "loss": 1})
        wandb.Table(columns=["a"]).add_data(1)
    wandb.finish()
    told = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert [line.partition(" ")[0] for line in told] == [
        "wandb.watch",
        "wandb.define_metric",
        "wandb.log:",
        "Table.add_data",
    ]
    assert len(records(tmp_path)) == 2


def test_exception_fails_the_run(tmp_path: Path) -> None:
    """So does an exit code other than 0."""
    with pytest.raises(RuntimeError, match="mine"), begin(tmp_path):
        raise RuntimeError("mine")
    begin(tmp_path)
    wandb.finish(exit_code=3)
    ends = [
        line["status"] for line in json_lines(tmp_path / "tmp.jsonl") if line["event"].startswith("Wrote ")
    ]
    assert ends == ["failed", "failed"]


def test_disabled(tmp_path: Path) -> None:
    """A run that is disabled takes everything, and writes nothing."""
    run = begin(tmp_path, mode="disabled", config={"lr": 1})
    wandb.log({"loss": 1})
    assert (run.config.lr, run.id, run.step) == (1, None, 1)
    wandb.finish()
    assert not list(tmp_path.iterdir())


def test_open_run_is_used(make_run: MakeRun, tmp_path: Path) -> None:
    """A run that is open takes what is logged, and goes on behind ``finish``."""
    mine = make_run(interval=1)
    begin(tmp_path, name="other")
    wandb.log({"loss": 1})
    wandb.finish()
    assert not mine.closed
    mine.close()
    assert headers(tmp_path) == ["Iter(train) [1/?]"]


def test_mistakes() -> None:
    """Without a run, it is said what to do."""
    with pytest.raises(ConfigError, match=r"wandb\.init\(\)"):
        wandb.log({"loss": 1})
    with pytest.raises(ConfigError, match=r"wandb\.init\(\)"):
        _ = wandb.config
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = wandb.nothing_of_the_kind


@pytest.mark.parametrize("name", ["..", "../../out", "/out", "a/../../out"])
def test_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    """Whatever a run is called, its files are in a folder of their own below ``dir``."""
    folder = tmp_path / "inner"
    with wandb.init(name=name, dir=folder, console=False) as run:
        assert Path(str(run.dir)).resolve().parent == folder
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("config", ["settings.yaml", Path("settings.json"), ["lr"], 3])
def test_config_that_is_no_mapping(tmp_path: Path, config: Any) -> None:
    """It is refused before anything is opened."""
    with pytest.raises(ConfigError, match=r"config of wandb\.init is a mapping"):
        begin(tmp_path, config=config)
    assert not list(tmp_path.iterdir())


def test_fault_of_init_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was opened does not stay open behind an ``init`` that raises."""

    def fail(*args: Any, **kwargs: Any) -> None:
        _open(*args, **kwargs)
        raise RuntimeError("mine")

    _open = wandb._open
    monkeypatch.setattr(wandb, "_open", fail)
    with pytest.raises(RuntimeError, match="mine"):
        begin(tmp_path)
    assert not wandb.run
    assert [line["status"] for line in json_lines(tmp_path / "tmp.jsonl") if "status" in line] == ["failed"]


def test_log_of_no_mapping(tmp_path: Path) -> None:
    """It is told once, and does not raise into training."""
    begin(tmp_path)
    for data in (None, [1], "loss"):
        wandb.log(data)  # type: ignore[arg-type]
    wandb.log({"loss": 1})
    wandb.finish()
    told = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert len([line for line in told if "takes a mapping" in line]) == 1
    assert headers(tmp_path) == ["Iter(train) [1/?]"]


def test_unknown_options_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Arguments of wandb's that say nothing here are left out."""
    for _ in range(2):
        begin(tmp_path, config_exclude_keys=["a"])
        wandb.finish()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "wandb.init: 'config_exclude_keys' does nothing here"
    ]
