"""The line in which MMEngine prints its config, as ours has it."""

import logging
import warnings
from pathlib import Path

import pytest

from otel_mmlog.integrations.mmengine.config_line import without_secrets
from tests.integrations.mmengine.runners import instrumented, make_runner, name_of
from tests.journals import read_journals, text_lines

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.config import Config

SECRET = "hunter2SECRET"


def line_of(config: Config) -> logging.LogRecord:
    return logging.LogRecord("mmengine", logging.INFO, "", 0, f"Config:\n{config.pretty_text}", None, None)


def test_only_secrets_are_changed() -> None:
    """The line is MMEngine's own, character by character, but for what is secret in it; MMEngine's record stays."""
    config = Config({"lr": 0.1, "login": {"api_key": SECRET}, "loss": "mse"})
    record = line_of(config)
    shown = without_secrets(record, config)
    assert shown.msg == str(record.msg).replace(SECRET, "***") != record.msg
    assert SECRET in record.msg


@pytest.mark.parametrize("config", [None, Config({}), Config({"lr": 0.1, "pad_token": "<pad>"})])
def test_other_lines_are_the_very_same(config: Config | None) -> None:
    """Without a secret, and where it is another line, nothing is made anew."""
    for record in (line_of(config or Config({})), logging.makeLogRecord({"msg": f"api_key={SECRET}"})):
        assert without_secrets(record, config) is record


def test_runner_with_secrets(tmp_path: Path) -> None:
    """What a runner's config holds of secrets is in MMEngine's files, and not in ours."""
    config = {"login": {"api_key": SECRET}, "lr": 0.1}
    with instrumented():
        make_runner(tmp_path, cfg=config).train()
    ours = text_lines(tmp_path / f"{name_of(tmp_path)}.log")
    theirs = next(tmp_path.glob("2*/*.log")).read_text()
    assert f"login = dict(api_key='{SECRET}')" in theirs
    assert any("login = dict(api_key='***')" in line for line in ours)
    told = [log for log in read_journals(tmp_path).logs if log.event_name == "mmlog.run.config"]
    assert told[0].attributes["config"] == {"login": {"api_key": "***"}, "lr": 0.1}
    assert not [path for path in tmp_path.glob("otlp/*/*") if SECRET.encode() in path.read_bytes()]
