"""Segments that grow, end, break and vanish while they are read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_mmlog.core.line_check import with_check
from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.segment_files import SegmentFile, opened
from otel_mmlog.sender.types import SIGNALS
from tests.otel.journal_lines import marks_in
from tests.processes import environment
from tests.sender.reader_folders import (
    NEW,
    OLD,
    Clock,
    batches_of,
    drain,
    names,
    request,
    sealed,
    writer,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(tmp_path: Path, clock: Clock) -> JournalReader:
    reader = JournalReader(tmp_path, clock_ns=clock)
    assert reader.try_lock()
    return reader


def test_half_a_line_of_a_living_writer_is_waited_for(tmp_path: Path, reader: JournalReader) -> None:
    """A line without its end comes once it is whole, and counts as nothing before."""
    segment = writer(tmp_path)
    line = request("logs", "a")
    with segment.path.open("ab") as file:
        file.write(line[:40])
        file.flush()
        assert reader.next_batch("logs") is None
        assert reader.finished()
        file.write(line[40:])
    assert drain(reader)["logs"] == ["a"]
    assert reader.counts.skipped_lines == 0
    segment.seal()


@pytest.mark.parametrize("seals", [True, False])
def test_half_a_line_of_a_dead_writer_is_skipped(
    tmp_path: Path, reader: JournalReader, *, seals: bool
) -> None:
    """The torn end of a segment is counted once; the lines before it come, and the segment goes."""
    segment = writer(tmp_path)
    segment.write(request("logs", "a") + request("logs", "b")[:40])
    if seals:
        segment.seal()
    else:
        segment.forget()
    assert drain(reader) == {"metrics": [], "logs": ["a"], "traces": []}
    assert reader.counts.skipped_lines == 1
    reader.close()
    assert names(tmp_path) == ["cursor"]


def test_segment_goes_when_all_signals_have_passed_it(
    tmp_path: Path, reader: JournalReader, clock: Clock
) -> None:
    """A sealed segment stays while any signal has an unacknowledged line in it."""
    path = sealed(tmp_path, *[request(signal, "a") for signal in SIGNALS])
    batches = [batch for signal in SIGNALS if (batch := reader.next_batch(signal))]
    for batch in batches:
        reader.save()
        assert path.exists()
        assert not reader.finished()
        reader.acknowledge(batch)
    reader.save()
    assert names(tmp_path) == ["cursor"]
    assert reader.finished()


def test_open_segment_stays_while_its_writer_lives(
    tmp_path: Path, reader: JournalReader, clock: Clock
) -> None:
    """A delivered ``.part`` is removed after its writer has died, not before."""
    segment = writer(tmp_path)
    segment.write(request("logs", "a"))
    assert drain(reader)["logs"] == ["a"]
    reader.save()
    assert segment.path.exists()
    segment.forget()
    clock.go_on(2)
    assert drain(reader)["logs"] == []
    reader.save()
    assert names(tmp_path) == ["cursor"]


def test_position_outlives_sealing(tmp_path: Path, reader: JournalReader) -> None:
    """A segment that is sealed while it is read goes on where it was."""
    segment = writer(tmp_path)
    segment.write(request("logs", "a"))
    assert drain(reader)["logs"] == ["a"]
    segment.write(request("logs", "b"))
    segment.seal()
    assert drain(reader)["logs"] == ["b"]


@pytest.mark.parametrize(
    "rest", [b'{"resourceLogs":[\n', b'{"resourceLogs":[7]}\n', b'{"resourceLogs":[\xff]}\n']
)
def test_what_hides_in_a_damaged_line_may_be_no_request(
    tmp_path: Path, reader: JournalReader, rest: bytes
) -> None:
    """A check that fits says that nothing has changed, not that it was ever a request: the reader goes on."""
    sealed(tmp_path, b"torn " + with_check(rest), request("logs", "a"))
    assert drain(reader)["logs"] == ["a"]
    assert reader.counts.skipped_lines == 1


def test_a_line_that_only_begins_and_ends_as_a_request_is_skipped(
    tmp_path: Path, reader: JournalReader
) -> None:
    """Without a check it may be anything in between: what no server could read must not stand before the others."""
    torn = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":]}]}]}\n'
    sealed(tmp_path, torn, request("logs", "a"))
    assert drain(reader)["logs"] == ["a"]
    assert reader.counts.skipped_lines == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"{}\n" * 3, b"\xff\xfe", b"x" * 3_000_000 + b"\n"])
def test_segments_that_hold_nothing_are_passed_over(
    tmp_path: Path, reader: JournalReader, content: bytes
) -> None:
    """Empty segments, zeros, foreign text and endless lines keep nothing else from being delivered."""
    (tmp_path / f"{NEW}-0000000a.0000.jsonl").write_bytes(content)
    (tmp_path / f"{NEW}-0000000b.0000.jsonl.part").write_bytes(content)
    (tmp_path / "notes.txt").write_bytes(content)
    sealed(tmp_path, request("logs", "a"), process="0000000c")
    assert drain(reader)["logs"] == ["a"]
    assert (reader.counts.skipped_lines > 0) == bool(content)
    reader.close()
    assert names(tmp_path) == ["cursor", "notes.txt"]


def test_a_damaged_end_costs_only_itself(tmp_path: Path, reader: JournalReader) -> None:
    """Zeros and half a line behind whole ones are counted, whatever is damaged in the middle."""
    damaged = bytearray(request("logs", "b"))
    damaged[30:40] = b"\0" * 10
    invalid = request("logs", "c").replace(b'"c"', b'"\xff"')
    torn = request("metrics", "d")[:-30] + b"\n"
    sealed(tmp_path, request("logs", "a"), bytes(damaged), invalid, torn, request("logs", "e"), b"\0" * 4096)
    assert drain(reader) == {"metrics": [], "logs": ["a", "e"], "traces": []}
    assert reader.counts.skipped_lines == 4


def test_what_cannot_be_read_is_counted(tmp_path: Path, reader: JournalReader) -> None:
    """A folder, a link and a pipe with a segment's name are counted, left alone, and hold nothing up."""
    (tmp_path / f"{OLD}-0000000a.0000.jsonl").mkdir()
    (tmp_path / f"{OLD}-0000000b.0000.jsonl").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / f"{OLD}-0000000c.0000.jsonl")
    sealed(tmp_path, request("logs", "a"))
    assert drain(reader)["logs"] == ["a"]
    counts = reader.counts
    assert counts.unreadable_files >= 2
    assert counts.last_error is not None
    reader.close()
    assert len(names(tmp_path)) == 4


def test_a_segment_that_somebody_removed_is_counted(tmp_path: Path, reader: JournalReader) -> None:
    """A batch of a vanished segment can be acknowledged, and the others are delivered."""
    path = sealed(tmp_path, request("logs", "a"))
    batch = reader.next_batch("logs")
    assert batch is not None
    path.unlink()
    sealed(tmp_path, request("logs", "b"), number=1)
    assert drain(reader)["logs"] == ["b"]
    reader.acknowledge(batch)
    assert reader.finished()
    assert reader.counts.vanished_files == 1


def test_a_segment_that_came_back_is_read_anew(tmp_path: Path) -> None:
    """A file that was removed and made again with other lines is not taken for the one that was known."""
    reader = JournalReader(tmp_path)
    path = sealed(tmp_path, *[request("logs", f"{i}", pad_bytes=i) for i in range(9)])
    assert len(drain(reader)["logs"]) == 9
    path.unlink()
    assert reader.finished()
    sealed(tmp_path, *[request("logs", f"new{i}", pad_bytes=50 - i) for i in range(20)])
    assert drain(reader)["logs"] == [f"new{i}" for i in range(20)]


def test_a_segment_that_is_sealed_before_it_is_opened_is_read(tmp_path: Path) -> None:
    """A file that got its final name since the folder was looked at is found under that."""
    segment = writer(tmp_path)
    file = SegmentFile(SegmentName(NEW, "0000000a", 0), segment.path, is_final=False)
    segment.write(request("logs", "a"))
    segment.seal()
    with opened(file) as fd:
        assert os.fstat(fd).st_size > 0


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Before the journal's folder exists there is nothing to send; it cannot be locked."""
    reader = JournalReader(tmp_path / "rank0")
    assert reader.next_batch("logs") is None
    assert reader.finished()
    with pytest.raises(FileNotFoundError):
        reader.try_lock()


def test_without_the_lock_nothing_is_changed(tmp_path: Path) -> None:
    """A reader that never locks hands everything out and leaves the folder as it is."""
    sealed(tmp_path, request("logs", "a"))
    before = names(tmp_path)
    reader = JournalReader(tmp_path)
    assert drain(reader)["logs"] == ["a"]
    assert reader.finished()
    reader.close()
    assert names(tmp_path) == before


def test_a_cursor_that_cannot_be_written_is_counted(tmp_path: Path, reader: JournalReader) -> None:
    """Delivered segments are removed all the same: that may be what makes room."""
    (tmp_path / "cursor.new").mkdir()
    sealed(tmp_path, request("logs", "a"))
    drain(reader)
    reader.save()
    assert names(tmp_path) == ["cursor", "cursor.new"]
    assert reader.counts.folder_errors > 0
    assert reader.counts.last_error is not None


def test_a_truncated_segment_is_read_from_its_start(tmp_path: Path, reader: JournalReader) -> None:
    """Lines that somebody's truncation moved to the start of an open segment are not missed."""
    segment = writer(tmp_path)
    segment.write(request("logs", "a") * 5)
    assert drain(reader)["logs"] == ["a"] * 5
    os.truncate(segment.path, 0)
    segment.write(request("logs", "b"))
    assert drain(reader)["logs"] == ["b"]
    segment.seal()


def test_reading_beside_a_writer_loses_nothing(tmp_path: Path) -> None:
    """While a process writes and rotates until it is killed, all that it was promised comes, in order."""
    command = [sys.executable, "-m", "tests.otel.journal_process", "forever", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    acknowledged = b""
    found: list[str] = []
    reader = JournalReader(tmp_path, max_bytes=10_000)
    assert reader.try_lock()
    try:
        assert process.stdout is not None
        while len(acknowledged) < 30_000:
            acknowledged += os.read(process.stdout.fileno(), 65536)
            batch = reader.next_batch("logs")
            if batch is not None:
                found += marks_in(b"".join(batch.lines))
                reader.acknowledge(batch)
    finally:
        process.kill()
        acknowledged += process.communicate()[0]
    found += [mark for batch in batches_of(reader, "logs") for mark in marks_in(b"".join(batch.lines))]
    promised = [mark for mark in acknowledged.decode().split("\n")[:-1] if mark.startswith("l")]
    assert found == [f"l{number}" for number in range(len(found))]
    assert found[: len(promised)] == promised
    assert reader.finished()
    reader.close()
    assert names(tmp_path) == ["cursor"]
