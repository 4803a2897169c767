"""What a run prints: the file's lines, with colour on a terminal."""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MakeRun
from tests.journals import bodies, events, read_journals, text_lines
from tests.processes import TIMEOUT_S, environment, python_command

CONSOLE = r"\d\d/\d\d \d\d:\d\d:\d\d - "


FILE = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d - "


def test_console_and_file_lines(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Console and file have the same lines, apart from the year."""
    with make_run(console=True) as run:
        run.logger.info("hello")
        run.logger.error("bad")
    printed, written = capsys.readouterr().out.splitlines(), text_lines(tmp_path / "tmp.log")
    assert printed == [line[5:] for line in written]
    assert re.fullmatch(CONSOLE + "mmengine - INFO - hello", printed[1])
    assert re.fullmatch(
        FILE + rf"mmengine - ERROR - {re.escape(__file__)} - test_console_and_file_lines - \d+ - bad",
        written[2],
    )


@pytest.mark.parametrize(("rank", "shown"), [(0, ["info", "warning", "error"]), (1, ["error"])])
def test_ranks_above_0_print_errors_only(
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    rank: int,
    shown: list[str],
) -> None:
    """The console of a rank above 0 shows ERROR and worse; its files show everything."""
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with make_run(console=True, distributed=True) as run:
        for level in ("info", "warning", "error"):
            getattr(run.logger, level)(level)
    printed = [line.rsplit(" - ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert [text for text in printed if text in ("info", "warning", "error")] == shown
    assert len(text_lines(tmp_path / ("tmp_rank1.log" if rank else "tmp.log"))) == 6


ON_A_TERMINAL = """
import sys, otel_mmlog
with otel_mmlog.init("tmp", work_dir=sys.argv[1]) as run:
    run.logger.warning("hello")
"""


@pytest.mark.parametrize(
    ("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_color_on_a_real_terminal(tmp_path: Path, variables: dict[str, str], colored: bool) -> None:
    """A terminal shows colour unless it is forbidden; the file never has any."""
    controller, terminal = pty.openpty()
    subprocess.run(
        python_command(ON_A_TERMINAL, tmp_path),
        env=environment(variables),
        stdout=terminal,
        timeout=TIMEOUT_S,
        check=True,
    )
    os.close(terminal)
    shown = os.read(controller, 65536).decode()
    os.close(controller)
    assert ("\x1b[5m\x1b[4m\x1b[33mWARNING\x1b[0m - hello" in shown) is colored
    assert ("\x1b" in shown) is colored
    assert "\x1b" not in (tmp_path / "tmp.log").read_text()


def test_warnings_once_in_text(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A WARNING text is once on the console and once in the text file, each time in JSON and journal."""
    with make_run(console=True) as run:
        for text in ("w", "w", "x", "w"):
            run.logger.warning(text)
        for _ in range(2):
            run.logger.error("e")
    assert [line[-3:] for line in capsys.readouterr().out.splitlines()[1:-2]] == ["- w", "- x", "- e", "- e"]
    assert [line[-3:] for line in text_lines(tmp_path / "tmp.log")[1:-2]] == ["- w", "- x", "- e", "- e"]
    assert bodies(tmp_path) == ["w", "w", "x", "w", "e", "e"]
    logged = [log.body for log in read_journals(tmp_path).logs]
    assert logged.count("w") == 3


def test_closed_console_is_told_once(make_run: MakeRun, tmp_path: Path) -> None:
    """A console that is gone costs the console; it is told once in the files."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), make_run(console=True) as run:
        stream.close()
        for number in range(3):
            run.logger.info(f"{number}")
    warnings_ = [line["event"] for line in events(tmp_path) if line["level"] == "WARNING"]
    assert len(warnings_) == 1
    assert warnings_[0].startswith("console failed (ValueError")
    assert [text for text in bodies(tmp_path) if len(text) == 1] == ["0", "1", "2"]


def test_sys_stdout_of_the_moment(make_run: MakeRun) -> None:
    """The console is standard output as it is when a line is printed."""
    with make_run(console=True) as run:
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            run.logger.info("inside")
        run.logger.info("outside")
    assert stream.getvalue().count("\n") == 1
    assert sys.stdout is not stream
