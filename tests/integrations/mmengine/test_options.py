"""What is refused when a Runner is built or starts, and how it is said."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.core.errors import ConfigError, LevelError, RuleError, UnknownStatisticError
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from otel_mmlog.integrations.mmengine.options import RunnerOptions, check_runner_options
from tests.integrations.mmengine.runners import TYPE, instrumented, make_runner, name_of, quiet
from tests.journals import json_lines, read_journals, text_lines

with quiet():
    from mmengine.logging import MMLogger

    from otel_mmlog.integrations.mmengine import OTelLogProcessor


@pytest.fixture
def active() -> Iterator[None]:
    with instrumented():
        yield


def rule(**entries: Any) -> dict[str, Any]:
    return {"data_src": "loss", "method_name": "mean", "window_size": 5, **entries}


def test_defaults() -> None:
    """Nothing needs to be said."""
    assert check_runner_options({}) == RunnerOptions()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"flathistory": True},
            r"there is no option 'flathistory' .is 'flat_history' meant\?.: there are 'distributed', ",
        ),
        ({"xyz": 1}, "there is no option 'xyz': there are 'distributed', 'layout'"),
        ({"distributed": 1}, "distributed is 1, but it is True or False"),
        ({"flat_history": "yes"}, "flat_history is 'yes', but it is True or False"),
        ({"system_metrics": 1}, "system_metrics is 1, but it is True or False"),
        ({"layout": "both"}, "layout.*'both'.*'auto'.*'shared'.*'separate'"),
        ({"trace_ranks": -1}, "trace_ranks.*-1"),
        ({"trace_ranks": 1.5}, "trace_ranks.*1.5"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    """An unknown option and a value that cannot be used are refused, by the config line and by the instrumentor."""
    for use in (check_runner_options, lambda values: OTelLogProcessor(**values)):
        with pytest.raises(ConfigError, match=message):
            use(options)
    with pytest.raises(ConfigError, match=message):
        MMEngineInstrumentor().instrument(**options)
    assert not MMEngineInstrumentor().is_instrumented_by_opentelemetry


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"data_src": "loss", "window_size": 5},
            r"custom_cfg\[0\] lacks the key 'method_name': one of 'mean'",
        ),
        (
            rule(window_size="epochs"),
            r"custom_cfg\[0\] window_size must be a positive int, 'epoch'.*'epochs'",
        ),
        (rule(window=3), r"custom_cfg\[0\] has the key 'window' .did you mean 'window_size'"),
    ],
)
def test_wrong_rule(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    """A wrong rule fails when the Runner is built; the message has the rule, the value and the choices."""
    with pytest.raises(RuleError, match=message):
        make_runner(tmp_path / "run", log_processor={"type": TYPE, "custom_cfg": [entry]})
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.jsonl"))


@pytest.mark.usefixtures("active")
def test_unknown_method(tmp_path: Path) -> None:
    """An unknown statistic fails when training starts, before the first iteration."""
    runner = make_runner(
        tmp_path / "run", log_processor={"type": TYPE, "custom_cfg": [rule(method_name="meen")]}
    )
    with pytest.raises(UnknownStatisticError, match=r"custom_cfg\[0\].*'meen'.*'mean'") as caught:
        runner.train()
    assert isinstance(caught.value, KeyError)
    assert "train/loss" not in runner.message_hub.log_scalars


@pytest.mark.usefixtures("active")
def test_levels(tmp_path: Path) -> None:
    """A level may be written in any case; one that does not exist is refused with the choices, and is a KeyError."""
    for index, level in enumerate(["debug", "Debug"]):
        runner = make_runner(tmp_path / f"run{index}", log_level=level)
        assert [handler.level for handler in runner.logger.handlers[1:]] == [logging.DEBUG] * 2
    with pytest.raises(LevelError, match=r"'verbose'.*DEBUG, INFO, WARNING") as caught:
        make_runner(tmp_path / "wrong", log_level="verbose")
    assert isinstance(caught.value, KeyError)
    levels = {line["level"] for line in json_lines(tmp_path / "run1" / f"{name_of(tmp_path / 'run1')}.jsonl")}
    assert "DEBUG" in levels


def test_level_of_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``OTEL_MMLOG_LOG_LEVEL`` changes our outputs alone."""
    monkeypatch.setenv("OTEL_MMLOG_LOG_LEVEL", "debug")
    with instrumented():
        runner = make_runner(tmp_path / "run", log_level="ERROR")
        runner.logger.debug("detail")
        theirs = Path(
            next(
                handler.baseFilename
                for handler in runner.logger.handlers
                if isinstance(handler, logging.FileHandler)
            )
        )
    assert "detail" not in theirs.read_text()
    assert any(
        line.endswith("mmengine - DEBUG - detail")
        for line in text_lines(next((tmp_path / "run").glob("*.log")))
    )
    assert isinstance(runner.logger, MMLogger)


@pytest.mark.parametrize("processor", [{}, {"type": TYPE}], ids=["zero-code", "one line"])
def test_mistyped_source(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], processor: dict[str, Any]
) -> None:
    """A rule that reads what nobody logs is told after the first epoch, to our files, the journal and the terminal."""
    folder = tmp_path / "run"
    with instrumented():
        make_runner(
            folder, log_processor={**processor, "custom_cfg": [rule(data_src="los", log_name="x")]}
        ).train()
    lines = [line["event"] for line in json_lines(folder / f"{name_of(folder)}.jsonl")]
    warnings = [line for line in lines if line.startswith("custom_cfg reads 'los' (nearest: 'loss'")]
    assert len(warnings) == 1
    before = [line for line in lines[: lines.index(warnings[0])] if line.startswith("Epoch(train)")]
    assert len(before) == 5
    assert sum(warnings[0] in line for line in text_lines(folder / f"{name_of(folder)}.log")) == 1
    assert [log.severity for log in read_journals(folder).logs if log.body == warnings[0]] == [13]
    assert warnings[0] in capfd.readouterr().err
