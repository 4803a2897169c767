"""The arguments of ``init``: every mistake is named before anything starts."""

from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from otel_mmlog.core.errors import ConfigError

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"work_dir": ""}, "work_dir is ''"),
    ({"work_dir": "a\x00b"}, "work_dir"),
    ({"work_dir": 7}, "work_dir is 7"),
    ({"log_level": "LOUD"}, "log_level is 'LOUD'.*DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ({"log_level": 0}, "log_level is 0"),
    ({"log_level": True}, "log_level is True"),
    ({"by_epoch": 1}, "by_epoch"),
    ({"distributed": "yes"}, "distributed is 'yes'"),
    ({"ignore_last": None}, "ignore_last is None"),
    ({"resume": "auto"}, "resume is 'auto'"),
    ({"console": 0}, "console is 0.*'messages'"),
    ({"deferred": "yes"}, "deferred is 'yes', but it is True or False"),
    ({"system_metrics": "gpu"}, "system_metrics is 'gpu', but it is True or False"),
    ({"interval": 0}, "interval is 0"),
    ({"interval": 2.5}, "interval is 2.5"),
    ({"interval": True}, "interval is True"),
    ({"trace_ranks": 0}, "trace_ranks is 0"),
    ({"layout": "tree"}, "layout is 'tree'.*'auto' .*'shared' .*'separate' "),
    ({"steps": "all"}, "steps is 'all'"),
    ({"config": [1]}, r"config is \[1\]"),
    ({"processors": [7]}, r"processors is \[7\]"),
    ({"processors": "drop"}, "processors is 'drop'"),
    ({"logger_name": ""}, "logger_name is ''"),
    ({"logger_name": "a\nb"}, "logger_name"),
    ({"run_id": "a b"}, "run_id is 'a b'"),
    ({"window_size": 0}, "window_size"),
    ({"num_digits": -1}, "num_digits"),
    ({"mean_pattern": "("}, "mean_pattern"),
    ({"custom_cfg": {"data_src": "loss"}}, "custom_cfg"),
    (
        {"custom_cfg": [{"data_src": "a", "method_name": "mean", "window_size": "epoch"}], "by_epoch": False},
        "epoch",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_argument(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    """A wrong argument is a ConfigError that names it, its value and what is allowed; no file is left."""
    with pytest.raises(ConfigError, match=message):
        otel_mmlog.init("tmp", **{"work_dir": tmp_path / "new", "console": False, **arguments})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31m", "\ud800", None, 7])
def test_wrong_experiment_name(tmp_path: Path, name: Any) -> None:
    """The experiment's name is a printable string that is not empty."""
    with pytest.raises(ConfigError, match="experiment_name"):
        otel_mmlog.init(name, work_dir=tmp_path)


def test_wrong_level_in_the_environment_lists_the_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable and every level."""
    monkeypatch.setenv("OTEL_MMLOG_LOG_LEVEL", "chatty")
    with pytest.raises(
        ConfigError, match=r"OTEL_MMLOG_LOG_LEVEL is 'chatty'.*DEBUG, INFO, WARNING, ERROR, CRITICAL"
    ):
        otel_mmlog.init("tmp", work_dir=tmp_path)


def test_work_dir_is_named_after_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a work_dir the run writes to ``work_dirs/<experiment>``, and no name leads out of it."""
    monkeypatch.chdir(tmp_path)
    with otel_mmlog.init("../my exp", console=False) as run:
        assert run.work_dir == Path("work_dirs") / "_my_exp"
    assert [path.name for path in tmp_path.iterdir()] == ["work_dirs"]


def test_wrong_arguments_leave_an_open_run_alone(tmp_path: Path) -> None:
    """A second ``init`` that fails closes nothing."""
    with otel_mmlog.init("tmp", work_dir=tmp_path, console=False) as run:
        with pytest.raises(ConfigError):
            otel_mmlog.init("tmp", work_dir=tmp_path, interval=0)
        assert not run.closed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "abc"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-3"),
        ("OTEL_MMLOG_RUN_ID", "a b"),
        ("RANK", "x"),
    ],
)
def test_wrong_environment_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A variable that cannot be used is told before a run is closed, a folder made or an attempt counted."""
    with otel_mmlog.init("tmp", work_dir=tmp_path / "open", console=False) as run:
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigError, match=name):
            otel_mmlog.init("tmp", work_dir=tmp_path / "new", console=False)
        assert not run.closed
    assert [path.name for path in tmp_path.iterdir()] == ["open"]
