"""What a reader hands out, in which order, and what it remembers."""

from pathlib import Path

import pytest

from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS
from tests.processes import run_python
from tests.sender.reader_folders import (
    NEW,
    OLD,
    SECOND_NS,
    T0_NS,
    Clock,
    batches_of,
    drain,
    marks,
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


def test_each_signal_gets_its_lines_in_order(tmp_path: Path, reader: JournalReader) -> None:
    """Mixed lines come sorted by signal, in the order of segments and lines; first lines do not come."""
    for number in range(3):
        lines = [request(signal, f"{signal}{number}{i}") for i in range(3) for signal in SIGNALS]
        sealed(tmp_path, *lines, number=number)
    expected = {
        signal: [f"{signal}{number}{i}" for number in range(3) for i in range(3)] for signal in SIGNALS
    }
    assert drain(reader) == expected
    reader.close()
    assert names(tmp_path) == ["cursor"]
    assert reader.counts.skipped_lines == 0


def test_batch_tells_what_is_in_it(tmp_path: Path, reader: JournalReader) -> None:
    """A batch has its lines byte for byte, their items and length, and the times of the oldest and newest item."""
    lines = [request("logs", "b", at_s=7), request("logs", "a", at_s=2), request("logs", "c", at_s=5)]
    sealed(tmp_path, *lines)
    batch = reader.next_batch("logs")
    assert batch is not None
    assert batch.lines == tuple(lines)
    assert (batch.signal, batch.items, batch.size_bytes) == ("logs", 3, sum(map(len, lines)))
    assert (batch.oldest_ns, batch.newest_ns) == (T0_NS + 2 * SECOND_NS, T0_NS + 7 * SECOND_NS)
    assert batch.live


def test_lines_come_again_until_they_are_acknowledged(tmp_path: Path, reader: JournalReader) -> None:
    """Without an acknowledgement the same lines come, and those that were written since."""
    segment = writer(tmp_path)
    segment.write(request("logs", "a"))
    first = reader.next_batch("logs")
    segment.write(request("logs", "b"))
    second = reader.next_batch("logs")
    assert first is not None
    assert second is not None
    assert (marks(first.lines), marks(second.lines)) == (["a"], ["a", "b"])
    reader.acknowledge(first)
    third = reader.next_batch("logs")
    assert third is not None
    assert marks(third.lines) == ["b"]
    segment.seal()


def test_a_batch_has_a_size(tmp_path: Path) -> None:
    """Lines fill a batch up to its size; one that is larger than that goes alone."""
    pads = [0, 0, 5000, 0, 0, 0]
    sealed(tmp_path, *[request("logs", str(i), pad_bytes=pad) for i, pad in enumerate(pads)])
    reader = JournalReader(tmp_path, max_bytes=2 * len(request("logs", "0")))
    batches = batches_of(reader, "logs")
    assert [marks(batch.lines) for batch in batches] == [["0", "1"], ["2"], ["3", "4"], ["5"]]


def test_ages_minutes_apart_are_not_mixed(tmp_path: Path) -> None:
    """A batch spans no more than the given seconds, whichever way time goes."""
    times = [0, 100, 121, 122, 1000, 990, 100]
    sealed(tmp_path, *[request("metrics", str(at_s), at_s=at_s) for at_s in times])
    batches = batches_of(JournalReader(tmp_path, max_age_spread_s=120), "metrics")
    assert [marks(batch.lines) for batch in batches] == [
        ["0", "100"],
        ["121", "122"],
        ["1000", "990"],
        ["100"],
    ]


def test_newest_attempt_comes_first(tmp_path: Path, reader: JournalReader) -> None:
    """Lines of the newest attempt come before older ones, never in one batch, also if they arrive later."""
    for number in range(2):
        sealed(tmp_path, request("logs", f"old{number}"), start=OLD, number=number)
    segment = writer(tmp_path, start=NEW)
    segment.write(request("logs", "new0"))
    found = []
    for mark in ("new1", "new2"):
        batch = reader.next_batch("logs")
        assert batch is not None
        found.append((batch.live, marks(batch.lines)))
        reader.acknowledge(batch)
        segment.write(request("logs", mark))
    found += [(batch.live, marks(batch.lines)) for batch in batches_of(reader, "logs")]
    assert found == [(True, ["new0"]), (True, ["new1"]), (True, ["new2"]), (False, ["old0", "old1"])]
    segment.seal()


def test_one_sender_at_a_time(tmp_path: Path) -> None:
    """The lock is held until `close`, through any number of saves, and is then free for the next."""
    first, second = JournalReader(tmp_path), JournalReader(tmp_path)
    assert first.try_lock()
    assert first.try_lock()
    sealed(tmp_path, request("logs", "a"))
    assert drain(first)["logs"] == ["a"]
    first.save()
    assert not second.try_lock()
    first.close()
    assert second.try_lock()
    assert drain(second)["logs"] == []
    second.close()


def test_cursor_is_written_at_most_once_a_second(tmp_path: Path, clock: Clock) -> None:
    """Small acknowledgements share a line of the cursor; `save` writes at once."""
    reader = JournalReader(tmp_path, clock_ns=clock, max_bytes=15 * len(request("logs", "00")))
    assert reader.try_lock()
    segment = writer(tmp_path)
    cursor = tmp_path / "cursor"
    sizes = []
    for number in range(30):
        segment.write(request("logs", str(number)))
        drain(reader)
        sizes.append(cursor.stat().st_size)
        clock.go_on(0.1)
    assert 3 <= len(set(sizes)) <= 4
    segment.write(request("logs", "last"))
    drain(reader)
    before = cursor.stat().st_size
    reader.save()
    assert cursor.stat().st_size > before
    segment.seal()


def test_no_more_than_a_batch_is_ever_unsaved(tmp_path: Path) -> None:
    """Though no second passes, a sender that dies while it sends leaves one batch to be sent twice."""
    sealed(tmp_path, *[request("logs", f"{i:03}") for i in range(100)])
    size_bytes = 10 * len(request("logs", "000"))
    reader = JournalReader(tmp_path, clock_ns=Clock(), max_bytes=size_bytes)
    assert reader.try_lock()
    for _ in range(7):
        batch = reader.next_batch("logs")
        assert batch is not None
        unsaved = JournalReader(tmp_path, max_bytes=size_bytes).next_batch("logs")
        assert unsaved == batch
        reader.acknowledge(batch)
    reader.close()


def test_a_stuck_signal_holds_nothing_up(tmp_path: Path, reader: JournalReader) -> None:
    """While logs are not acknowledged, metrics go on, and the segments stay for the logs."""
    count = 40
    for number in range(count):
        sealed(tmp_path, request("logs", f"l{number}"), request("metrics", f"m{number}"), number=number)
    stuck = reader.next_batch("logs")
    assert stuck is not None
    assert [mark for batch in batches_of(reader, "metrics") for mark in marks(batch.lines)] == [
        f"m{number}" for number in range(count)
    ]
    assert not reader.finished()
    reader.save()
    assert len(names(tmp_path)) == count + 1
    assert drain(reader)["logs"] == [f"l{number}" for number in range(count)]
    reader.close()
    assert names(tmp_path) == ["cursor"]


def test_what_waits_is_told(tmp_path: Path, reader: JournalReader) -> None:
    """The backlog is what each signal has not passed, and the oldest line of it."""
    lines = [request("logs", "a", at_s=5), request("metrics", "b", at_s=6), request("logs", "c", at_s=7)]
    path = sealed(tmp_path, *lines)
    size_bytes = path.stat().st_size
    backlog = reader.backlog()
    assert backlog.bytes == dict.fromkeys(SIGNALS, size_bytes)
    assert (backlog.total_bytes, backlog.segments) == (size_bytes, 1)
    assert backlog.oldest_ns == T0_NS + 5 * SECOND_NS
    batches_of(reader, "logs")
    batches_of(reader, "traces")
    backlog = reader.backlog()
    assert (backlog.bytes["logs"], backlog.bytes["traces"], backlog.bytes["metrics"]) == (0, 0, size_bytes)
    assert backlog.oldest_ns == T0_NS + 6 * SECOND_NS
    drain(reader)
    reader.save()
    assert (reader.backlog().total_bytes, reader.backlog().oldest_ns) == (0, None)


def test_reader_loads_no_library() -> None:
    """A sender that reads has neither numpy nor opentelemetry, protobuf, requests or grpc in memory."""
    done = run_python(
        "import sys, otel_mmlog.sender.reader\n"
        "print({n.partition('.')[0] for n in sys.modules} & "
        "{'numpy', 'opentelemetry', 'google', 'requests', 'grpc', 'structlog', 'torch'})"
    )
    assert done.stdout == "set()\n", done.stderr
