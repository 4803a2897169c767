"""wandb's face."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.version import Version

from otel_mmlog import ConfigError
from otel_mmlog.compat import unkept, wandb
from otel_mmlog.loops.told import TellOnce
from tests.conftest import MakeRun
from tests.journals import events, headers, json_lines, records, tags


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
    assert sorted(headers(tmp_path)) == [
        "Iter(train) [1/?]",
        "Iter(train) [2/?]",
        "Iter(val) [1/?]",
        "Iter(val) [2/?]",
    ]
    found = {line["event"]: line for line in events(tmp_path)}
    assert found["Config"]["config"] == {"tags": ["a"], "lr": 0.1, "batch": 3, "seed": 1}
    assert found["Summary"]["summary"] == {"loss": 1, "val/acc": 0.5, "note": "hello", "best": 7}
    assert found["note"]["text"] == "hello"


@pytest.mark.parametrize("lines", [True, None])
def test_console(tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: bool | None) -> None:
    """As wandb itself, it prints no scalars, unless they are wanted; what else there is to say is printed."""
    wanted: dict[str, Any] = {} if lines is None else {"console": lines}
    with wandb.init(name="tmp", work_dir=tmp_path, **wanted) as run:
        for value in range(2):
            run.log({"loss": value, "val/acc": value, "note": "hello", "epoch": value})
        wandb.alert(title="high", text="loss")
    printed = [line.split(" - ", 3)[3].partition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    scalars = [word for word in printed if word in ("Iter(train)", "Iter(val)", "note")]
    assert sorted(scalars) == (sorted(["Iter(train)", "Iter(val)", "note"] * 2) if lines else [])
    assert [word for word in printed if word not in scalars] == [
        "Run",
        "high",
        "Summary",
        "Wrote",
        "Journal:",
    ]
    assert len(records(tmp_path)) == 4
    assert (tmp_path / "tmp.log").read_text().count(" - note  text=hello\n") == 2


def test_steps(tmp_path: Path) -> None:
    """A step numbers the record, and stays open until another is named; ``commit=False`` waits for its end."""
    with begin(tmp_path) as run:
        run.log({"loss": 1}, step=5)
        run.log({"loss": 2}, commit=False)
        run.log({"lr": 3}, step=9)
        run.log({"acc": 4})
        run.log({"next": 5})
        for step in (20, 21):
            run.log({"loss": step}, step=step, commit=False)
        run.log({"acc": 6}, step=22)
    assert [record["tags"] for record in records(tmp_path)] == [
        {"loss": 2, "iter": 5},
        {"lr": 3, "acc": 4, "iter": 9},
        {"next": 5, "iter": 10},
        {"loss": 20, "iter": 20},
        {"loss": 21, "iter": 21},
        {"acc": 6, "iter": 22},
    ]


def test_rows_without_scalars_are_steps(tmp_path: Path) -> None:
    """As wandb counts them: a record has the step that ``run.step`` says, in a resumed run, too."""
    rows: list[dict[str, Any]] = [
        {"image": wandb.Image(None)},
        {"loss": 1},
        {"note": "x"},
        {},
        {"val/acc": 2},
        {"epoch": 1},
        {"loss": 3},
    ]
    for start in (0, 7):
        with begin(tmp_path, id="one", resume="allow") as run:
            assert run.starting_step == start
            for number, row in enumerate(rows, start + 1):
                run.log(row)
                assert run.step == number
    assert [record["iter"] for record in records(tmp_path)] == [2, 5, 7, 9, 12, 14]


def test_step_that_is_none(tmp_path: Path) -> None:
    """Its values are of the open step or the next, and it is told of once; a whole float is a step."""
    steps: list[Any] = [2.0, np.float32(4), -1, 2.5, "3"]
    with begin(tmp_path) as run:
        run.log({"loss": 1})
        for value, step in enumerate(steps):
            run.log({"loss": value}, step=step, commit=True)
    assert [record["iter"] for record in records(tmp_path)] == [1, 2, 4, 5, 6, 7]
    assert tags(tmp_path, "loss") == [1, 0, 1, 2, 3, 4]
    (told,) = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert "wandb.log" in told
    assert "step is -1, but it is a whole number from 0; its values are logged as without one" in told


def test_resume(tmp_path: Path) -> None:
    """A run that is resumed goes on behind its last step, by its id or as the folder's latest."""
    for resume, run_id in (("allow", "one"), ("must", "one"), (True, None), (None, "two"), ("allow", "one")):
        with begin(tmp_path, resume=resume, id=run_id) as run:
            assert run.resumed == (run.starting_step > 0)
            for value in range(2):
                run.log({"loss": value})
            run.log({"text": "a line behind the last record"})
    found = [(each["run_id"], each["attempt"], each["iter"]) for each in records(tmp_path)]
    assert found == [
        *[("one", start // 2, start + step) for start in (0, 2, 4) for step in (1, 2)],
        *[("two", 0, step) for step in (1, 2)],
        *[("one", 3, 6 + step) for step in (1, 2)],
    ]
    assert not [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]


@pytest.mark.parametrize("resume", ["must", "sometimes", "never"])
def test_what_cannot_be_resumed(tmp_path: Path, resume: str) -> None:
    """It is refused before anything is opened, and told what to do."""
    if resume == "never":
        begin(tmp_path, id="one").finish()
    before = list(tmp_path.iterdir())
    with pytest.raises(wandb.errors.UsageError, match=f'(?s)"{resume}"|sometimes.*"allow"'):
        begin(tmp_path, resume=resume, id="one")
    assert list(tmp_path.iterdir()) == before
    assert wandb.run is None


def test_second_init(tmp_path: Path) -> None:
    """It returns the run that is open, unless that is to be finished."""
    run = begin(tmp_path)
    assert begin(tmp_path, name="other") is run
    other = begin(tmp_path, reinit=True)
    assert other is not run
    assert run.closed
    run.log({"loss": 1})
    other.finish()
    assert not records(tmp_path)


def test_what_wandb_has(tmp_path: Path) -> None:
    """What a script names of wandb is there: its classes, exceptions, and functions that have nothing to do."""
    assert wandb.login(key="any") is True
    assert wandb.setup() is None
    assert isinstance(wandb.Image([[0]]), wandb.Image)
    assert not isinstance(wandb.Table(), wandb.Image)
    assert issubclass(wandb.errors.CommError, wandb.Error)
    assert len(wandb.util.generate_id()) == 8
    assert Version(wandb.__version__) > Version("0.12")
    with begin(tmp_path, settings=wandb.Settings(name="ignored"), tags="single") as run:
        assert run.tags == ("single",)
        assert run.config["tags"] == ["single"]
        wandb.config.setdefaults({"lr": 1})
        wandb.alert(title="high", text="loss", level=wandb.AlertLevel.WARN)
        run.log({"chart": wandb.plot.line(None, "x", "y"), "loss": np.float32(1)}, step=np.int64(4))
        artifact = wandb.Artifact("a", type="model")
        assert run.log_artifact(artifact).wait().name
        with pytest.raises(wandb.errors.UsageError, match=r"wandb\.use_artifact asks .* keep the file"):
            run.use_artifact("a:latest")
    with pytest.raises(wandb.errors.UsageError, match=r"wandb\.Api asks .*`otel-mmlog show`"):
        wandb.Api()
    assert records(tmp_path)[0]["tags"] == {"loss": 1, "iter": 4}
    (alert,) = [line for line in events(tmp_path) if line["event"] == "high"]
    assert (alert["level"], alert["text"]) == ("WARNING", "loss")


def test_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb's own variables stand in for arguments that are not given."""
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_NAME", "tmp")
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    with wandb.init(console=False) as run:
        assert (run.id, run.dir) == ("mine", str(tmp_path / "tmp"))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with wandb.init() as run:
        assert run.disabled


def test_what_is_not_kept_is_told_once(tmp_path: Path) -> None:
    """Pictures and the like are left out, and cost the rest nothing."""
    run = begin(tmp_path)
    for _ in range(2):
        wandb.watch(None, log="all")
        run.define_metric("loss", summary="min")
        wandb.log({"image": wandb.Image([[0]]), "loss": 1, "none": None})
        wandb.Table(columns=["a"]).add_data(1)
    wandb.finish()
    told = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert [line.partition(" ")[0] for line in told] == [
        "wandb.watch",
        "wandb.define_metric",
        "wandb.log:",
        "wandb.log:",
        "Table.add_data",
    ]
    assert told[3] == "wandb.log: 'none' is left out: it is None, and a run keeps scalars and texts"
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
    assert (run.config.lr, run.id, run.step, run.summary["loss"]) == (1, "disabled", 1, 1)
    wandb.finish()
    assert Path(str(run.dir)).is_dir()
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
    with pytest.raises(AttributeError, match=r"wandb\.Run for wandb\.sdk\.wandb_run\.Run"):
        _ = wandb.sdk


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

    monkeypatch.setattr(wandb, "Run", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
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
