"""OTelVisBackend, and the ways in which a config names our classes."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.integrations.mmengine.runners import TYPE, instrumented, make_runner, name_of, quiet
from tests.journals import json_lines, read_journals, text_lines
from tests.processes import run_python

with quiet():
    from mmengine.config import Config
    from mmengine.visualization import Visualizer

    from otel_mmlog.integrations.mmengine import MMEngineInstrumentor, OTelVisBackend
    from otel_mmlog.integrations.mmengine.vis_backend import _warn_of_no_run

BACKEND = "otel_mmlog.integrations.mmengine.OTelVisBackend"
CONFIG = """
custom_imports = {imports}
model = dict(type='Talker')
work_dir = {folder!r}
train_dataloader = dict(
    dataset=dict(type='Points'),
    batch_size=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
)
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
log_processor = dict({processor}window_size=3)
visualizer = dict(type='Visualizer', vis_backends=[dict(type={backend!r})])
experiment_name = 'configured'
"""
CONFIGURED = """
import sys, warnings
warnings.simplefilter("ignore")
from mmengine.config import Config
cfg = Config.fromfile(sys.argv[1])
cfg.merge_from_dict(dict(option.split("=", 1) for option in sys.argv[2:]))
import torch
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from tests.oracle.test_log_processor_runner import Model
MODELS.register_module(name="Talker", module=Model)
DATASETS.register_module(name="Points", module=lambda: [(torch.ones(4), torch.ones(1))] * 20)
runner = Runner.from_cfg(cfg)
runner.visualizer.add_scalar("told", 0.5, step=1)
runner.train()
print(type(runner.log_processor).__name__, [type(each).__name__ for each in runner.visualizer._vis_backends.values()])
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose user sent scalars to the visualizer, before training and behind it."""
    folder = tmp_path_factory.mktemp("told") / "run"
    with instrumented():
        visualizer = {"type": "Visualizer", "vis_backends": [{"type": "LocalVisBackend"}, {"type": BACKEND}]}
        runner = make_runner(folder, visualizer=visualizer)
        runner.visualizer.add_scalar("told", 0.5, step=7)
        runner.train()
        scalars = {"a": 1, "val/b": torch.tensor(2.5), "c": np.float32(0.5), "d": np.array([4])}
        for step in (8, 9):
            runner.visualizer.get_backend("OTelVisBackend").add_scalars(scalars, step)
        for value in (1, 1, 2):
            runner.visualizer.add_config(Config({"value": value}))
    return folder


def named(folder: Path, event_name: str) -> list[dict[str, Any]]:
    lines = json_lines(folder / f"{name_of(folder)}.jsonl")
    return [line for line in lines if line.get("event_name") == event_name]


def test_scalars_are_events(told: Path) -> None:
    """What user code sends is one event with its step."""
    found = named(told, "mmlog.scalars")
    assert [line["step"] for line in found] == [7, 8, 9]
    assert found[0]["event"] == "told: 0.5"
    assert found[0]["told"] == 0.5
    assert [found[1][name] for name in ("a", "val/b", "c", "d")] == [1, 2.5, 0.5, 4]
    logs = [log for log in read_journals(told).logs if log.event_name == "mmlog.scalars"]
    assert [log.attributes["step"] for log in logs] == [7, 8, 9]


def test_scalars_are_points(told: Path) -> None:
    """What user code sends is one point each time."""
    points = [point for point in read_journals(told).points if not point.flags]
    values = {
        name: [point.value for point in points if point.name == name]
        for name in {each.name for each in points}
    }
    assert values["mmlog.train.told"] == [0.5]
    assert values["mmlog.train.a"] == [1, 1]
    assert values["mmlog.val.b"] == [2.5, 2.5]
    assert values["mmlog.train.c"] == [0.5, 0.5]
    assert values["mmlog.train.d"] == [4, 4]


def test_records_leave_once(told: Path) -> None:
    """The tags that the logger hook hands to the back ends are the record's, and leave with it alone."""
    lines = json_lines(told / f"{name_of(told)}.jsonl")
    records = [line for line in lines if "tags" in line]
    points = [point for point in read_journals(told).points if not point.flags]
    for name in ("mmlog.train.loss", "mmlog.val.mean"):
        tag = name.rpartition(".")[2]
        assert [point.value for point in points if point.name == name] == [
            record["tags"][tag] for record in records if tag in record["tags"]
        ]


def test_config_leaves_once(told: Path) -> None:
    """A config is an event when it changes, not each time that it is added."""
    configs = [line["config"] for line in named(told, "mmlog.run.config")]
    assert configs == [{"value": 1}, {"value": 2}]


def test_rank_0_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On other ranks MMEngine's visualizer does not call its back ends."""
    with instrumented():
        runner = make_runner(
            tmp_path / "run", visualizer={"type": "Visualizer", "vis_backends": [{"type": BACKEND}]}
        )
        monkeypatch.setattr("mmengine.dist.utils.get_rank", lambda group=None: 1)
        runner.visualizer.add_scalar("told", 0.5)
        monkeypatch.undo()
    assert not named(tmp_path / "run", "mmlog.scalars")


def test_without_runner(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What comes while there is no run is lost, and that is told once."""
    _warn_of_no_run.cache_clear()
    with instrumented(), caplog.at_level(logging.WARNING, "otel_mmlog"):
        visualizer = Visualizer(name=tmp_path.name, vis_backends=[OTelVisBackend()], save_dir=str(tmp_path))
        visualizer.add_scalar("told", 0.5)
        visualizer.add_scalar("told", 0.5)
    assert [record.message for record in caplog.records if "OTelVisBackend" in record.message] == [
        "OTelVisBackend got something while no Runner had a run: it went nowhere. Build the Runner first."
    ]
    assert not list(tmp_path.glob("*.jsonl"))


def test_back_end_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A back end that turns the integration on has the Runner's config and records, from its first loop on."""
    _warn_of_no_run.cache_clear()
    MMEngineInstrumentor().uninstrument()
    visualizer = {"type": "Visualizer", "vis_backends": [{"type": BACKEND}]}
    with quiet(), caplog.at_level(logging.WARNING, "otel_mmlog"):
        try:
            make_runner(tmp_path / "run", cfg=Config({"value": 1}), visualizer=visualizer).train()
        finally:
            MMEngineInstrumentor().uninstrument()
    assert not [record for record in caplog.records if "OTelVisBackend" in record.message]
    assert [line["config"] for line in named(tmp_path / "run", "mmlog.run.config")] == [{"value": 1}]
    assert len(named(tmp_path / "run", "mmlog.train.iter")) == 10


@pytest.mark.parametrize(
    ("imports", "processor", "backend", "options"),
    [
        ("{}", "", BACKEND, [f"log_processor.type={TYPE}"]),
        (
            "dict(imports=['otel_mmlog.integrations.mmengine'])",
            "type='OTelLogProcessor', ",
            "OTelVisBackend",
            [],
        ),
    ],
    ids=["dotted names, one by --cfg-options", "short names by custom_imports"],
)
def test_config_file(tmp_path: Path, imports: str, processor: str, backend: str, options: list[str]) -> None:
    """A config file names our classes."""
    folder = tmp_path / "run"
    config = CONFIG.format(imports=imports, processor=processor, backend=backend, folder=str(folder))
    (tmp_path / "config.py").write_text(config)
    done = run_python(CONFIGURED, tmp_path / "config.py", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "OTelLogProcessor ['OTelVisBackend']"
    lines = json_lines(folder / "configured.jsonl")
    assert [line["event_name"] for line in lines if "event_name" in line and "tags" not in line] == [
        "mmlog.run.start",
        "mmlog.run.config",
        "mmlog.scalars",
        "mmlog.run.end",
    ]
    texts = [line for line in text_lines(folder / "configured.log") if "Epoch(train)" in line]
    assert [line.partition("  ")[0].rpartition(" ")[2] for line in texts] == ["[1][10/10]"]
