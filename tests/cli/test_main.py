"""What all commands share: unexpected errors, signals, readers that go away, completion; and the demo."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_mmlog.cli.main import main
from otel_mmlog.runs.find import find_runs
from tests.cli.conftest import MakeJournal
from tests.journals import read_journals
from tests.processes import environment, run_python


def start(*arguments: object, stdout: int) -> "subprocess.Popen[bytes]":
    """``otel-mmlog ...`` in a process of its own."""
    command = [sys.executable, "-m", "otel_mmlog", *map(str, arguments)]
    return subprocess.Popen(command, env=environment(), stdout=stdout, stderr=subprocess.PIPE)


def values_of(work_dir: Path, tag: str, rank: int) -> list[float]:
    """What a rank's journal holds of a scalar of the train loop."""
    return [
        float(point.value)
        for point in read_journals(work_dir).points
        if point.name == f"mmlog.train.{tag}" and point.attributes["rank"] == rank and point.value is not None
    ]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose program has a mistake."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ten by\nzero")

    monkeypatch.setattr(main.commands["completion"], "callback", fail)


@pytest.mark.usefixtures("broken")
def test_unexpected_error_is_one_sentence() -> None:
    """It names the error and the option that tells more."""
    result = CliRunner().invoke(main, ["completion", "bash"])
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: ZeroDivisionError: ten by\\nzero (not expected: otel-mmlog --debug ... shows where it happened)\n"
    )


@pytest.mark.usefixtures("broken")
def test_debug_shows_where() -> None:
    """With --debug the error itself comes out."""
    result = CliRunner().invoke(main, ["--debug", "completion", "bash"])
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize("command", [["tail", "-n", "all"], ["export", "--openmetrics"]])
def test_reader_that_goes_away_is_no_error(make_journal: MakeJournal, command: list[str]) -> None:
    """Behind ``| head`` nothing is said."""
    work_dir = make_journal("run", *[1 / n for n in range(1, 300)])
    reading, writing = os.pipe()
    os.close(reading)
    process = start(command[0], work_dir, *command[1:], stdout=writing)
    os.close(writing)
    _, errors = process.communicate(timeout=60)
    assert b"Broken pipe" not in errors
    assert b"Traceback" not in errors
    assert b"Exception" not in errors


def test_completion_names_the_commands() -> None:
    """The scripts are those of click, and with the bash one's variables the program completes."""
    for shell in ("bash", "zsh", "fish"):
        script = CliRunner().invoke(main, ["completion", shell]).stdout
        assert f"_OTEL_MMLOG_COMPLETE={shell}_complete" in script
    asked = {"_OTEL_MMLOG_COMPLETE": "bash_complete", "COMP_WORDS": "otel-mmlog con", "COMP_CWORD": "1"}
    assert CliRunner().invoke(main, prog_name="otel-mmlog", env=asked).stdout == "plain,convert\n"


def test_demo_trains_two_ranks(tmp_path: Path) -> None:
    """Both ranks learn and share what they learn; plain text tells what was written, and what to try next."""
    work_dir = tmp_path / "demo"
    process = start("demo", "--work-dir", work_dir, "--epochs", 1, stdout=subprocess.PIPE)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == b""
    text = output.decode()
    assert "\x1b" not in text
    assert f"otel-mmlog show {work_dir}" in text
    (run,) = find_runs(work_dir)
    assert run.ranks == [0, 1]
    norms, losses = (
        [values_of(work_dir, name, rank) for rank in run.ranks] for name in ("grad_norm", "loss")
    )
    assert norms[0] == norms[1]
    assert losses[0] != losses[1]
    assert losses[0][-1] < losses[0][0]


BEFORE = """
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "click":
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
main()
"""
BEHIND = """
try:
    main()
finally:
    os.kill(os.getpid(), number)
"""


@pytest.mark.parametrize("when", [BEFORE, BEHIND])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_while_modules_come_and_go(when: str, number: signal.Signals) -> None:
    """Also then the program dies of a signal as any other does, and prints no traceback."""
    source = (
        f"import os, sys\nfrom otel_mmlog.cli.entry import main\nsys.argv = ['', '-h']\nnumber = {number:d}\n"
    )
    found = run_python(source + when)
    assert (found.returncode, found.stderr) == (-number, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_demo(tmp_path: Path, number: signal.Signals) -> None:
    """Nothing is said and no process is left; it dies of the signal, so that a shell's loop ends too."""
    work_dir = tmp_path / "demo"
    process = start("demo", "--work-dir", work_dir, "--epochs", 1000, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (work_dir / "demo_rank1.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -number
    assert errors == b""
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listing.splitlines() if str(work_dir) in line]
