"""What a sender tells: the lines, and the pipe that they take."""

import fcntl
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.sender.status import SenderStatus, Trouble, add_counts, decode_status, encode_status
from otel_mmlog.sender.status_pipe import StatusPipe
from otel_mmlog.sender.types import SIGNALS

_COUNTS = st.dictionaries(st.sampled_from(SIGNALS), st.integers(0, 2**63))
_TROUBLES = st.builds(
    Trouble,
    st.sampled_from(["retrying", "paused"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=160),
)


@given(
    st.builds(
        SenderStatus,
        flushes=st.integers(0, 1000),
        finished=st.booleans(),
        delivered=_COUNTS,
        rejected=_COUNTS,
        quarantined=_COUNTS,
        backlog_bytes=st.integers(0, 2**40),
        oldest_ns=st.none() | st.integers(0, 2**63),
        troubles=st.dictionaries(st.sampled_from(SIGNALS), _TROUBLES),
    )
)
def test_status_survives_the_pipe(status: SenderStatus) -> None:
    """A status is one line of a few kilobytes, and the same when it is read."""
    line = encode_status(status)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) < 8192
    assert decode_status(line) == status


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"\xff", b'{"flushes":1', b'{"flushes":"x"}'])
def test_other_lines_are_no_status(line: bytes) -> None:
    """Whatever else comes through the pipe is passed over."""
    assert decode_status(line) is None


def test_counts_of_two_lives_add_up() -> None:
    """Counts are of all lives, everything else of the last."""
    past = SenderStatus(delivered={"logs": 3}, rejected={"logs": 1}, backlog_bytes=7)
    now = SenderStatus(delivered={"logs": 4, "metrics": 2}, backlog_bytes=9)
    total = add_counts(past, now)
    assert (total.delivered, total.rejected) == ({"metrics": 2, "logs": 7}, {"logs": 1})
    assert total.backlog_bytes == 9


def test_full_pipe_keeps_the_latest_line_whole() -> None:
    """Nobody reads for long: the writer goes on, and lines come out whole, the last one among them."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)  # type: ignore[attr-defined,unused-ignore]
    pipe = StatusPipe(write)
    lines = [b"%04d" % number + b"x" * 5000 + b"\n" for number in range(50)]
    for line in lines:
        pipe.put(line)
    os.set_blocking(read, False)
    got = b""
    was_full = pipe.wants_room
    while pipe.wants_room:
        got += os.read(read, 65536)
        pipe.go_on()
    got += os.read(read, 65536)
    whole = got.splitlines(keepends=True)
    assert set(whole) <= set(lines)
    assert whole[-1] == lines[-1]
    assert was_full
    os.close(read)
    os.close(write)


def test_pipe_without_a_reader_takes_everything() -> None:
    """When the parent is gone, telling costs nothing."""
    read, write = os.pipe()
    os.close(read)
    pipe = StatusPipe(write)
    for _ in range(3):
        pipe.put(b"line\n")
    assert not pipe.wants_room
    os.close(write)
