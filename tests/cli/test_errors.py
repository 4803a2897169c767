"""``otel-mmlog``: help, version, and what is said to mistakes."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_mmlog._version import __version__
from otel_mmlog.cli.main import main
from tests.cli.conftest import Cli, MakeJournal


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([name, "-h"] for name in main.commands)])
def test_help(arguments: list[str]) -> None:
    """Both spellings of help, of each command too, with examples, in lines that fit a terminal."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert f"  otel-mmlog {arguments[0] if len(arguments) > 1 else 'demo'}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_names_commands_in_whole_sentences() -> None:
    """What each does fits beside its name."""
    (commands,) = re.findall(r"^Commands:\n(.*)", CliRunner().invoke(main, ["-h"]).stdout, re.M | re.S)
    assert len(commands.splitlines()) == len(main.commands)
    assert all(re.search(r"[^.]\.$", line) for line in commands.splitlines()), commands


def test_version() -> None:
    """The version is the package's."""
    assert __version__ in CliRunner().invoke(main, ["--version"]).stdout


def sentence(cli: Cli, *arguments: object) -> str:
    """What a mistake is answered with, which must be one line and no traceback."""
    result = cli(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    errors = re.findall(r"^Error: (.*)$", result.stderr, re.M)
    assert len(errors) == 1, result.stderr
    assert result.stderr.endswith(f"Error: {errors[0]}\n")
    return str(errors[0])


def test_no_endpoint(cli: Cli, make_journal: MakeJournal) -> None:
    """Both ways to give one are named."""
    said = sentence(cli, make_journal())
    assert "--endpoint" in said
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in said


def test_wrong_folders(cli: Cli, tmp_path: Path) -> None:
    """A folder that is not there, a file, and a folder without journals are told apart."""
    file = tmp_path / "train.log"
    file.touch()
    assert "does not exist" in sentence(cli, tmp_path / "absent")
    assert "is no folder" in sentence(cli, file)
    assert "there is no journal" in sentence(cli, tmp_path)
    assert "Missing argument" in sentence(cli)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--endpoint", "collector"], "--endpoint 'collector' does not begin with http://"),
        (["--endpoint", "collector"], "give --protocol grpc"),
        (["--endpoint", "http://"], "names no host"),
        (["--endpoint", "http://a b"], "--endpoint has a space"),
        (["--endpoint", "http://a:b"], "--endpoint 'http://a:b' is not a URL"),
        (["--endpoint", "http://a", "--protocol", "udp"], "'udp' is not one of"),
        (["--endpoint", "http://a", "--patience", "nan"], "--patience"),
        (["--endpoint", "http://a", "--patience", "-1"], "--patience"),
        (["--endpoint", "http://a", "--follow", "--quarantined"], "give one of them"),
    ],
)
def test_wrong_options(cli: Cli, make_journal: MakeJournal, options: list[str], part: str) -> None:
    """Each is named as it was given, with what to do."""
    assert part in sentence(cli, make_journal(), *options)


@pytest.mark.parametrize("name", ["HEADERS", "TIMEOUT", "CERTIFICATE", "COMPRESSION"])
def test_malformed_variables(
    cli: Cli, make_journal: MakeJournal, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A variable that cannot be used is named; a secret in it is not shown."""
    work_dir = make_journal()
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", "/no/such")
    said = sentence(cli, work_dir, "--endpoint", "http://localhost:4318")
    assert f"OTEL_EXPORTER_OTLP_{name}" in said
    assert name != "HEADERS" or "/no/such" not in said


def test_variables_of_runs_do_not_matter(
    cli: Cli, make_journal: MakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A malformed variable that only a run reads does not keep its journals from being sent."""
    work_dir = make_journal()
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "soon")
    assert cli(work_dir, "--dry-run").exit_code == 0


def test_names_of_folders_are_shown_on_one_line(cli: Cli, tmp_path: Path) -> None:
    """Whatever is in the name of a folder, a terminal gets no command and no second line of it."""
    said = sentence(cli, tmp_path / "a\x1b[2J\nError: forged\u202e")
    assert r"a\x1b[2J\nError: forged\u202e does not exist" in said
