"""The journal against SIGKILL, full disks, lost folders and forks, with real processes."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_mmlog.core.segments import SegmentName, claim
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.segment_writer import SegmentWriter
from tests.otel.journal_lines import line, marks, marks_in
from tests.otel.journal_process import CHILDREN, LINES

ROOT = Path(__file__).parents[2]
SECOND_NS = 1_000_000_000


@contextmanager
def running(what: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of `tests.otel.journal_process`, and what it forks; all of them are gone afterwards."""
    command = [sys.executable, "-m", "tests.otel.journal_process", what, str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def output_of(what: str, folder: Path) -> list[str]:
    """The words that such a process prints before it ends by itself, which it must do soon."""
    with running(what, folder) as process:
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    return out.decode().split()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root; the file size limit tests the same code")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_kill_at_any_point_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """20 writers are killed at random: each line that was printed is in the journal, whole."""
    moments = random.Random(7)
    for number in range(20):
        folder = tmp_path / f"rank{number:04d}"
        with running("forever", folder) as process:
            assert process.stdout is not None
            acknowledged = process.stdout.readline()
            time.sleep(moments.uniform(0, 0.08))
            process.kill()
            acknowledged += process.stdout.read()
        whole = acknowledged[: acknowledged.rfind(b"\n") + 1].decode().split()
        found = marks(folder)
        assert set(whole) <= set(found)
        assert len(found) == len(set(found)) <= len(whole) + 2


def test_short_writes_damage_no_neighbour(tmp_path: Path) -> None:
    """Under a file size limit each line is whole or absent, the counts hold, and writing resumes."""
    resumed, told, *taken, produced, journaled, refused = output_of("starved", tmp_path)
    assert resumed == "True"
    assert int(told) >= 1
    found = marks(tmp_path)
    assert set(taken) <= set(found)
    assert found[-1] == "after"
    assert len(found) == len(set(found)) == int(journaled)
    assert int(produced) == 81 == int(journaled) + int(refused)
    assert int(refused) > 0
    for path in tmp_path.iterdir():
        *lines, rest = path.read_bytes().split(b"\n")
        assert rest == b""
        assert len(marks_in(path.read_bytes())) == len(lines) - 1  # all but the first are ours


def test_full_disk_is_told_once_and_writing_resumes(small_disk: Path) -> None:
    """On a full disk lines are counted under one message; they are taken again once there is room."""
    told: list[str] = []
    now_ns = [time.time_ns()]
    journal = Journal(
        small_disk / "rank0000",
        settings=JournalSettings(min_free_bytes=0, segment_bytes=50_000),
        clock=lambda: now_ns[0],
        on_fault=told.append,
    )
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    taken = []
    for number in range(300):
        now_ns[0] += SECOND_NS // 4
        if journal.append(line("metrics", f"{number}", pad_bytes=1800)):
            taken.append(f"{number}")
    assert len(taken) < 100
    assert len(told) == 1
    assert "No space left" in told[0]
    ballast.unlink()
    now_ns[0] += SECOND_NS
    assert journal.append(line("logs", "after"))
    journal.close()
    assert marks(journal.folder) == [*taken, "after"]
    assert journal.stats().refused == {("metrics", "no_space"): 300 - len(taken)}


def test_a_full_disk_is_not_filled_with_empty_segments(small_disk: Path) -> None:
    """Trying again on a full disk leaves no files behind."""
    now_ns = [time.time_ns()]
    journal = Journal(small_disk, settings=JournalSettings(min_free_bytes=0), clock=lambda: now_ns[0])
    (small_disk / "ballast").write_bytes(b"x" * (256 * 1024 - 8192))
    for _ in range(50):
        now_ns[0] += SECOND_NS
        journal.append(line("metrics", "m", pad_bytes=10_000))
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_torn_line_that_cannot_be_cut_ends_before_the_next(tmp_path: Path) -> None:
    """If someone appended after a torn line, nothing is cut, and the next line begins on its own."""
    name = SegmentName("20260101T000000_000000", "00000000", 0)
    writer = SegmentWriter(tmp_path, name, 0)
    with writer.path.open("ab") as other:
        other.write(b'{"torn":')
    writer._cut(6, 0)  # as after a short write of 6 bytes, when there are 8
    writer.write(line("logs", "next").data)
    writer.write(line("logs", "second").data)
    lines = writer.path.read_bytes().split(b"\n")
    writer.seal()
    assert lines[1] == b'{"torn":'
    assert marks(tmp_path) == ["next", "second"]


def test_torn_head_that_cannot_be_cut_is_written_again(tmp_path: Path) -> None:
    """A segment whose first lines the disk took in part has them before its data, and is not taken for empty."""
    name = SegmentName("20260101T000000_000000", "00000000", 0)
    writer = SegmentWriter(tmp_path, name, 0, line("logs", "open").data * 20)
    os.truncate(writer.path, 10)  # as after a short write, when somebody else has written behind it
    with writer.path.open("ab") as other:
        other.write(b"x")
    writer.size_bytes, writer._has_head = 0, False
    writer._cut(10, 0)
    writer.write(line("logs", "data").data)
    writer.seal()  # which removes an empty one
    assert marks(tmp_path) == [*["open"] * 20, "data"]


def test_unwritable_folder_costs_one_message(tmp_path: Path) -> None:
    """Where no folder can be made, construction and appends go on and all items are counted."""
    (tmp_path / "file").touch()
    told: list[str] = []
    journal = Journal(tmp_path / "file" / "rank0000", on_fault=told.append)
    assert len(told) == 1
    for _ in range(10):
        assert not journal.append(line("metrics", "m", items=3), line("traces", "t"))
    journal.close()
    assert journal.stats().refused == {("metrics", "unwritable"): 30, ("traces", "unwritable"): 10}
    assert len(told) == 1


def test_deleted_folder_is_told_and_made_again(tmp_path: Path) -> None:
    """After rm -rf of the folder the next line is in a new segment, not in a file without a name."""
    told: list[str] = []
    journal = Journal(tmp_path / "otlp" / "rank0000", on_fault=told.append)
    journal.append(line("logs", "a"))
    shutil.rmtree(tmp_path / "otlp")
    assert journal.append(line("logs", "b"))
    assert marks(journal.folder) == ["b"]
    assert len(told) == 1


def test_forks_tear_lose_and_hang_nothing(tmp_path: Path) -> None:
    """8 children that were forked in the middle of a thread's writes: every line of all is there once."""
    count, *codes, balanced = output_of("forks", tmp_path)
    assert "".join(codes) == str([0] * CHILDREN).replace(" ", "")
    assert balanced == "True"
    expected = {"first", *(f"parent:{n}" for n in range(int(count)))}
    expected |= {f"{child}:{number}" for child in range(CHILDREN) for number in range(LINES)}
    found = marks(tmp_path)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_close_seals_what_dead_children_left(tmp_path: Path) -> None:
    """Children that ended with os._exit leave .part files, and the parent's close seals them."""
    output_of("forks", tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".jsonl"}
    starts = {path.name.split("-")[0] for path in tmp_path.iterdir()}
    processes = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    assert len(starts) == 1
    assert len(processes) == CHILDREN + 1


def test_close_leaves_a_living_child_alone(tmp_path: Path) -> None:
    """The parent's close seals its own segment, not one that a child has open."""
    with running("worker_outlives_close", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"closed\n"
        suffixes = sorted((path.suffix, *marks_in(path.read_bytes())) for path in tmp_path.iterdir())
        process.communicate(timeout=10)
    assert suffixes == [(".jsonl", "parent"), (".part", "child")]


def test_lock_is_held_while_open_and_free_when_dead(tmp_path: Path) -> None:
    """Others can tell a living writer's segment from one whose writer was killed."""
    with running("holds", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        (part,) = tmp_path.glob("*.part")
        with claim(part) as fd:
            assert fd is None
        process.kill()
        process.wait()
        with claim(part) as fd:
            assert fd is not None


def test_line_from_a_signal_handler_inside_an_append_is_written(tmp_path: Path) -> None:
    """A handler that logs while its thread is in append neither hangs nor loses the line."""
    assert output_of("interrupted", tmp_path) == ["True", "True", "2"]
    assert sorted(marks(tmp_path)) == ["inner", "outer"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_of_a_fork_does_not_hold_the_parents_lock(tmp_path: Path) -> None:
    """When the parent is gone its segment is free, although a child that it forked lives on."""
    journal = Journal(tmp_path)
    journal.append(line("logs", "a"))
    (part,) = tmp_path.glob("*.part")
    (ready_read, ready_write), (stop_read, stop_write) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(stop_write)
        os.write(ready_write, b"x")
        os.read(stop_read, 1)
        os._exit(0)
    os.read(ready_read, 1)
    segment = journal._segment
    assert segment is not None
    os.close(segment._fd)  # what the kernel does when the parent dies
    segment._fd = -1
    with claim(part) as fd:
        free = fd is not None
    os.close(stop_write)
    os.waitpid(pid, 0)
    for end in (ready_read, ready_write, stop_read):
        os.close(end)
    assert free


def test_a_failing_descriptor_is_replaced(tmp_path: Path) -> None:
    """An I/O error costs the lines of its second; then a new segment takes the rest."""
    now_ns = [time.time_ns()]
    told: list[str] = []
    journal = Journal(tmp_path, clock=lambda: now_ns[0], on_fault=told.append)
    journal.append(line("logs", "a"))
    segment = journal._segment
    assert segment is not None
    readonly = os.open(segment.path, os.O_RDONLY)
    os.dup2(readonly, segment._fd)
    os.close(readonly)
    lost: list[EncodedLine] = [line("logs", "b"), line("logs", "c")]
    assert [journal.append(item) for item in lost] == [False, False]
    now_ns[0] += SECOND_NS
    assert journal.append(line("logs", "d"))
    journal.close()
    assert marks(tmp_path) == ["a", "d"]
    assert journal.stats().refused == {("logs", "io_error"): 2}
    assert len(told) == 1
