"""Terminals that can do less: without Unicode, without a cursor that moves, and pipes that want colours."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from otel_mmlog.cli.demos.view import screen
from otel_mmlog.cli.main import main
from otel_mmlog.cli.progress import is_live, spinner
from tests.processes import environment
from tests.runs.written import json_line, write


class Terminal(io.TextIOWrapper):
    """One of a character set."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


def test_what_has_no_cursor_gets_no_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR makes no pipe a terminal, and a dumb one is none for bars."""
    assert is_live(Console(file=Terminal()))
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not is_live(Console(file=io.StringIO()))
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live(Console(file=Terminal()))


def test_demo_on_a_terminal_without_unicode(tmp_path: Path) -> None:
    """Frames, spinner and lines that are too long are drawn in ASCII."""
    terminal = Terminal("ascii")
    console = Console(file=terminal, width=40)
    write(tmp_path / "demo.log", [b"2026/11/23 04:05:06 - mmengine - INFO - " + 80 * b"x"])
    console.print(screen(tmp_path, console))
    with console.status("checking", spinner=spinner(console)):
        pass
    terminal.seek(0)
    assert "04:05:06 xxx" in terminal.read()


def test_lines_on_a_terminal_without_unicode(tmp_path: Path) -> None:
    """A character that it has not is spelt out, and no error."""
    path = write(tmp_path / "tmp.jsonl", [json_line(event="caf\u00e9")])
    command = [sys.executable, "-m", "otel_mmlog", "tail", str(path)]
    env = environment({"PYTHONIOENCODING": "ascii"})
    found = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.endswith("caf\\xe9\n")


def test_demo_where_nothing_can_be_written(tmp_path: Path) -> None:
    """It says so before it starts anything."""
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, ["demo", "--work-dir", str(tmp_path / "file" / "demo")])
    assert result.exit_code == 2
    assert "demo cannot be written: Not a directory. Name a folder of yours" in result.stderr
