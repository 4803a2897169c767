"""The environment variables, each with what it allows."""

import stat
from pathlib import Path

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.settings import MIB, read_settings, runner_settings
from tests.processes import run_python


def test_defaults() -> None:
    """An empty environment turns everything on and asks for nothing."""
    settings = read_settings({})
    assert (settings.log_level, settings.journal_dir, settings.traceparent, settings.color) == (None,) * 4
    assert (settings.traces, settings.metrics, settings.logs) == (True, True, True)
    assert (settings.cap_bytes, settings.segment_bytes, settings.segment_age_s) == (256 * MIB, 16 * MIB, 300)


def test_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the process's own environment is read, as it is at that moment."""
    monkeypatch.setenv("OTEL_MMLOG_LOG_LEVEL", "DEBUG")
    assert read_settings().log_level == "DEBUG"


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"])
def test_endpoint_raises_the_cap(name: str) -> None:
    """Where an endpoint is set, a journal may wait for it with up to 1 GiB."""
    assert read_settings({name: "http://localhost:4318"}).cap_bytes == 1024 * MIB


@pytest.mark.parametrize(("value", "disabled"), [("true", True), ("TRUE ", True), ("1", False), ("", False)])
def test_sdk_disabled(value: str, disabled: bool) -> None:
    """Only "true", in any case, disables the signals."""
    settings = read_settings({"OTEL_SDK_DISABLED": value})
    assert [settings.traces, settings.metrics, settings.logs] == [not disabled] * 3


def test_exporter_none() -> None:
    """``none`` turns off its own signal alone."""
    settings = read_settings({"OTEL_METRICS_EXPORTER": " none ", "OTEL_LOGS_EXPORTER": "otlp,console"})
    assert [settings.traces, settings.metrics, settings.logs] == [True, False, True]


def test_journal_limits() -> None:
    """Sizes and age of the journal are numbers; floats are taken too."""
    settings = read_settings(
        {
            "OTEL_MMLOG_JOURNAL_MAX_BYTES": "2e9",
            "OTEL_MMLOG_SEGMENT_MAX_BYTES": "8192",
            "OTEL_MMLOG_SEGMENT_MAX_AGE": "1.5",
        }
    )
    assert (settings.cap_bytes, settings.segment_bytes, settings.segment_age_s) == (2_000_000_000, 8192, 1.5)


@pytest.mark.parametrize(
    "name",
    ["OTEL_MMLOG_JOURNAL_MAX_BYTES", "OTEL_MMLOG_SEGMENT_MAX_BYTES", "OTEL_MMLOG_SEGMENT_MAX_AGE"],
)
@pytest.mark.parametrize("value", ["much", "0", "-1", "nan", "inf"])
def test_wrong_numbers_are_named(name: str, value: str) -> None:
    """A number that cannot be used is named with its variable."""
    with pytest.raises(ConfigError, match=f"{name}='{value}'"):
        read_settings({name: value})


@pytest.mark.parametrize(("text", "mode"), [("", 0o600), ("640", 0o640), ("0660", 0o660), (" 0644 ", 0o644)])
def test_file_mode(text: str, mode: int) -> None:
    """Who may read and write a run's files, as chmod writes it."""
    assert read_settings({"OTEL_MMLOG_FILE_MODE": text}).file_mode == mode


@pytest.mark.parametrize("text", ["0777", "0602", "0400", "0o600", "rw-------", "-600", "1660", "6_0_0"])
def test_file_modes_that_make_no_sense(text: str) -> None:
    """Anything but the five modes is an error that names them."""
    with pytest.raises(ConfigError, match=r"OTEL_MMLOG_FILE_MODE.*0600, 0640, 0644, 0660, 0664"):
        read_settings({"OTEL_MMLOG_FILE_MODE": text})


@pytest.mark.parametrize(("mode", "umask", "expected"), [("0644", "077", 0o755), ("0600", "022", 0o755)])
def test_file_mode_and_work_dir(tmp_path: Path, mode: str, umask: str, expected: int) -> None:
    """Who may read a run's files gets into the work_dir that it makes, and whom the umask lets does, too."""
    script = f"import os, sys, otel_mmlog; os.umask(0o{umask}); otel_mmlog.init('tmp', work_dir=sys.argv[1]).close()"
    ran = run_python(script, tmp_path / "a/run", env={"OTEL_MMLOG_FILE_MODE": mode})
    assert ran.returncode == 0, ran.stderr
    made = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a/run")]
    assert made == [expected] * 2


def test_settings_show_no_environment() -> None:
    """The repr of the settings has none of the variables, one of which may be a secret."""
    assert "hunter2" not in repr(read_settings({"AWS_SECRET_ACCESS_KEY": "hunter2"}))


def test_journal_folder() -> None:
    """The journal's folder may start with ``~``; a NUL in it is refused."""
    assert read_settings({"OTEL_MMLOG_JOURNAL_DIR": "~/j"}).journal_dir == Path("~/j").expanduser()
    with pytest.raises(ConfigError, match="OTEL_MMLOG_JOURNAL_DIR"):
        read_settings({"OTEL_MMLOG_JOURNAL_DIR": "a\x00b"})


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"TERM": "dumb"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_color(environ: dict[str, str], color: bool | None) -> None:
    """A non-empty NO_COLOR forbids colour and wins; FORCE_COLOR asks for it; else the terminal decides."""
    assert read_settings(environ).color is color


def test_what_is_said_about_the_run_of_a_runner() -> None:
    """Only what is set is returned; true and false in any case."""
    assert runner_settings({}) == {}
    assert runner_settings({"OTEL_MMLOG_DISTRIBUTED": "True", "OTEL_MMLOG_FLAT_HISTORY": "false"}) == {
        "distributed": True,
        "flat_history": False,
    }
    assert runner_settings({"OTEL_MMLOG_LAYOUT": " Separate "}) == {"layout": "separate"}
    assert runner_settings({"OTEL_MMLOG_RANKS": "0"}) == {"ranks": "0"}
    assert runner_settings({"OTEL_MMLOG_SYSTEM_METRICS": "true"}) == {"system_metrics": True}
    with pytest.raises(ConfigError, match="OTEL_MMLOG_DISTRIBUTED='yes' is neither true nor false"):
        runner_settings({"OTEL_MMLOG_DISTRIBUTED": "yes"})
