"""Files that grow by whole lines only."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_mmlog.pipeline.line_file import LOOK_S, LineFile, is_free
from tests.journals import text_lines
from tests.processes import run_python


def test_lines_are_there_at_once(tmp_path: Path) -> None:
    """A line is in the file as soon as ``append`` returns, without a flush or close."""
    file = LineFile(tmp_path / "new" / "a.log")
    file.append("one")
    assert file.path.read_bytes() == b"one\n"
    file.close()
    file.close()


def test_later_runs_append(tmp_path: Path) -> None:
    """Opening a file again keeps what is in it."""
    for line in ("one", "two"):
        file = LineFile(tmp_path / "a.log")
        file.append(line)
        file.close()
    assert text_lines(tmp_path / "a.log") == ["one", "two"]


def test_torn_end_costs_itself(tmp_path: Path) -> None:
    """A line that a crash cut short does not swallow the first line after it."""
    (tmp_path / "a.log").write_bytes(b"one\ntor")
    file = LineFile(tmp_path / "a.log")
    file.append("two")
    file.close()
    assert text_lines(tmp_path / "a.log") == ["one", "tor", "two"]


def test_what_has_no_utf8_is_replaced(tmp_path: Path) -> None:
    """A lone surrogate costs itself, not its line."""
    file = LineFile(tmp_path / "a.log")
    file.append("a\ud800b")
    file.close()
    assert text_lines(tmp_path / "a.log") == ["a?b"]


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    """Others can read neither the file nor the folder made for it."""
    file = LineFile(tmp_path / "new" / "a.log")
    file.close()
    assert file.path.stat().st_mode & 0o077 == 0
    assert file.path.parent.stat().st_mode & 0o077 == 0


def test_open_file_is_not_free(tmp_path: Path) -> None:
    """Another run sees whether a living one writes the file."""
    path = tmp_path / "a.log"
    assert is_free(path)
    file = LineFile(path)
    assert not is_free(path)
    file.close()
    assert is_free(path)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns of forks beside threads
def test_forked_child_writes_whole_lines_and_holds_no_lock(tmp_path: Path) -> None:
    """A child appends beside its parent, and the file is free once the parent is gone from it."""
    file = LineFile(tmp_path / "a.log")
    go_read, go_write = os.pipe()
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(ready_write, b"x")
        for _ in range(100):
            file.append("c" * 1000)
        os.close(go_write)
        os.read(go_read, 1)
        os._exit(0)
    os.read(ready_read, 1)
    for _ in range(100):
        file.append("p" * 1000)
    file.close()
    assert is_free(file.path)
    os.close(go_write)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    for descriptor in (go_read, ready_read, ready_write):
        os.close(descriptor)
    assert sorted(text_lines(file.path)) == ["c" * 1000] * 100 + ["p" * 1000] * 100


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in place of the folder is an OSError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        LineFile(tmp_path / "file" / "a.log")


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    """After rm -r of its folder, and a look, the next line is in a new file, not in one without a name."""
    file = LineFile(tmp_path / "folder" / "a.log")
    file.append("before")
    shutil.rmtree(tmp_path / "folder")
    time.sleep(LOOK_S)
    file.append("after")
    assert (tmp_path / "folder" / "a.log").read_text() == "after\n"
    assert file.locked
    assert not is_free(file.path)
    file.close()


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    """The part of it that was written goes again: the file holds whole lines only."""
    source = """
import resource, sys
from pathlib import Path
from otel_mmlog.pipeline.line_file import LineFile
file = LineFile(Path(sys.argv[1]))
file.append("whole")
resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        file.append("x" * 100)
    except OSError as error:
        print(error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.append("next")
"""
    done = run_python(source, tmp_path / "a.log")
    assert done.stdout.split() == [str(errno.EFBIG)] * 2, done.stderr
    assert (tmp_path / "a.log").read_text() == "whole\nnext\n"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe in its place neither holds a run up nor swallows its lines."""
    make(tmp_path / "a.log")
    with pytest.raises(OSError, match=r"plain file|directory"):
        LineFile(tmp_path / "a.log")
    assert is_free(tmp_path / "a.log")
