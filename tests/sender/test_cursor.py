"""What a cursor remembers, through damage, crashes and other senders."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender.cursor import Cursor, decode, encode
from otel_mmlog.sender.positions import Offsets, Positions
from tests.processes import run_python

NAME = SegmentName("20260101T000000_000000", "0000000a", 3)


@pytest.fixture
def cursor(tmp_path: Path) -> Cursor:
    cursor = Cursor(tmp_path)
    assert cursor.try_lock()
    return cursor


def at(*offsets: int) -> Positions:
    return Positions({NAME: offsets})


def entries(positions: Positions) -> dict[SegmentName, Offsets]:
    return dict(positions)


segment_names = st.builds(
    SegmentName,
    st.from_regex(r"[0-9]{8}T[0-9]{6}_[0-9]{6}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.integers(0, 10**9 - 1),
)
offset = st.integers(0, 2**62)
states = st.dictionaries(segment_names, st.tuples(offset, offset, offset), max_size=4)


@given(states)
def test_a_line_says_what_was_written(state: dict[SegmentName, Offsets]) -> None:
    """Encoding and decoding give the same positions."""
    line = encode(Positions(state))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    decoded = decode(line[:-1])
    assert decoded is not None
    assert entries(decoded) == state


@given(states, st.data())
@settings(deadline=None)
def test_any_wrong_byte_makes_a_line_invalid(state: dict[SegmentName, Offsets], data: st.DataObject) -> None:
    """A line with one byte changed, or cut anywhere, is None and nothing else."""
    line = bytearray(encode(Positions(state))[:-1])
    index = data.draw(st.integers(0, len(line) - 1))
    line[index] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(line)) is None
    assert decode(bytes(line[:index])) is None


def test_every_byte_of_the_file_may_be_wrong(tmp_path: Path, cursor: Cursor) -> None:
    """With any byte of the file flipped the positions are the last or earlier ones, or none: never others."""
    written = [at(1, 2, 3), at(10, 20, 30), at(100, 200, 300)]
    for positions in written:
        cursor.write(positions)
    allowed: list[dict[SegmentName, Offsets]] = [{}, *map(entries, written)]
    path = tmp_path / "cursor"
    good = path.read_bytes()
    assert entries(cursor.load()) == allowed[-1]
    for index in range(len(good)):
        for mask in (0x01, 0x20, 0x80, 0xFF):
            damaged = bytearray(good)
            damaged[index] ^= mask
            path.write_bytes(damaged)
            assert entries(Cursor(tmp_path).load()) in allowed
    for length in range(len(good)):
        path.write_bytes(good[:length])
        assert entries(Cursor(tmp_path).load()) in allowed


@pytest.mark.parametrize("content", [b"", b"\0" * 999, b"5b1f2c0e {}", b"\n\n\n", b"[]\n", os.urandom(5000)])
def test_a_foreign_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    """Whatever is in the file, no line that was not written counts, and writing works from there."""
    (tmp_path / "cursor").write_bytes(content)
    cursor = Cursor(tmp_path)
    assert entries(cursor.load()) == {}
    assert cursor.try_lock()
    cursor.write(at(1, 1, 1))
    assert entries(Cursor(tmp_path).load()) == {NAME: (1, 1, 1)}
    cursor.close()


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    """What is written behind the rest of a crash is found."""
    (tmp_path / "cursor").write_bytes(encode(at(1, 1, 1)) + encode(at(2, 2, 2))[:20])
    cursor = Cursor(tmp_path)
    assert entries(cursor.load()) == {NAME: (1, 1, 1)}
    assert cursor.try_lock()
    cursor.write(at(3, 3, 3))
    assert entries(cursor.load()) == {NAME: (3, 3, 3)}
    cursor.close()


FULL_DISK = """
import pathlib, resource, signal, sys
from otel_mmlog.core.segments import SegmentName
from otel_mmlog.sender.cursor import Cursor
from otel_mmlog.sender.positions import Positions
cursor = Cursor(pathlib.Path(sys.argv[1]))
assert cursor.try_lock()
at = lambda offset: Positions({SegmentName("20260101T000000_000000", "0000000a", 3): (offset,) * 3})
cursor.write(at(1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for limit, offset in ((90, 2), (20, 3), (hard, 4)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        cursor.write(at(offset))
    except OSError as error:
        print("failed", end=" ")
    print(*[offsets[0] for _, offsets in cursor.load()], end=" ")
"""


def test_a_full_disk_keeps_the_last_positions(tmp_path: Path) -> None:
    """What cannot be written is an OSError, the positions before it count, and later ones can be written."""
    done = run_python(FULL_DISK, tmp_path)
    assert done.stdout.split() == ["failed", "1", "failed", "1", "4"], done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cursor"]


REPLACED = """
import pathlib, sys
from otel_mmlog.sender.cursor import Cursor
from otel_mmlog.sender.positions import Positions
first, second = Cursor(pathlib.Path(sys.argv[1])), Cursor(pathlib.Path(sys.argv[1]))
assert first.try_lock()
events = []
def on_event(name, _):
    if name == "fcntl.flock" and not events:
        events.append(name)
        first.write(Positions())
sys.addaudithook(on_event)
print(second.try_lock(), events)
"""


def test_a_file_that_is_replaced_in_between_is_not_locked(tmp_path: Path) -> None:
    """A lock on the file that the holder has just replaced is not taken for the folder's."""
    done = run_python(REPLACED, tmp_path)
    assert done.stdout.strip() == "False ['fcntl.flock']", done.stderr


def test_it_stays_small(tmp_path: Path, cursor: Cursor) -> None:
    """After thousands of writes the file is bounded, says the last one, and is still locked."""
    for number in range(3000):
        cursor.write(at(number, number, number))
    assert (tmp_path / "cursor").stat().st_size <= 64 * 1024
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cursor"]
    assert entries(Cursor(tmp_path).load()) == {NAME: (2999, 2999, 2999)}
    assert not Cursor(tmp_path).try_lock()


def test_a_deleted_file_is_made_again(tmp_path: Path, cursor: Cursor) -> None:
    """The write after a deletion makes a file that says everything."""
    cursor.write(at(1, 1, 1))
    (tmp_path / "cursor").unlink()
    cursor.write(at(2, 2, 2))
    assert entries(Cursor(tmp_path).load()) == {NAME: (2, 2, 2)}
    assert not Cursor(tmp_path).try_lock()


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    """A folder in the cursor's place is as good as no cursor; it cannot be locked."""
    (tmp_path / "cursor").mkdir()
    assert entries(Cursor(tmp_path).load()) == {}
    with pytest.raises(IsADirectoryError):
        Cursor(tmp_path).try_lock()


def test_positions_only_go_on() -> None:
    """A position never goes back, and a segment's least is that of its slowest signal."""
    positions = Positions()
    assert positions.move(NAME, "logs", 10)
    assert not positions.move(NAME, "logs", 5)
    assert positions.least(NAME) == 0
    assert positions.move(NAME, "metrics", 7)
    assert positions.move(NAME, "traces", 8)
    assert (positions.least(NAME), positions.most(NAME)) == (7, 10)
    positions.forget(NAME)
    assert positions.most(NAME) == 0
