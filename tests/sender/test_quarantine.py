"""Lines that a server refused are kept, shown and fed back."""

import errno
import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.sender.quarantine import (
    Quarantined,
    put_aside,
    quarantine_path,
    read_quarantine,
    take_quarantined,
)
from otel_mmlog.sender.reader import JournalReader
from tests.processes import run_python
from tests.sender.reader_folders import T0_NS, Clock, drain, marks, names, request, sealed


def test_line_is_kept_with_reason_and_time(tmp_path: Path) -> None:
    """The file is JSON lines of reason, time and the request as it was."""
    line = request("logs", "ü")
    put_aside(tmp_path, "logs", [line], "400 too old", T0_NS + 123_456_789)
    assert json.loads((tmp_path / "quarantine.logs.jsonl").read_bytes()) == {
        "reason": "400 too old",
        "time": "2026-09-21T14:13:20.123456Z",
        "line": line.decode(),
    }
    assert list(read_quarantine(tmp_path)) == [
        Quarantined("logs", line, "400 too old", "2026-09-21T14:13:20.123456Z")
    ]


@given(st.lists(st.binary(max_size=40), max_size=4), st.text(max_size=20))
def test_any_bytes_come_back(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], reason: str
) -> None:
    """Lines come back byte for byte, in order, also those that are no UTF-8."""
    folder = tmp_path_factory.mktemp("quarantine")
    put_aside(folder, "traces", lines, reason, T0_NS)
    assert [(kept.line, kept.reason) for kept in read_quarantine(folder)] == [
        (line, reason) for line in lines
    ]


def test_reader_counts_what_is_set_aside(tmp_path: Path) -> None:
    """Set aside and acknowledged, a line is in quarantine only, and counted by its items."""
    sealed(tmp_path, request("metrics", "a"), request("metrics", "b"))
    reader = JournalReader(tmp_path, clock_ns=Clock())
    assert reader.try_lock()
    batch = reader.next_batch("metrics")
    assert batch is not None
    reader.set_aside(batch, batch.lines[1:], "HTTP 400")
    reader.acknowledge(batch)
    assert drain(reader)["metrics"] == []
    reader.close()
    assert reader.counts.quarantined == {"metrics": 1, "logs": 0, "traces": 0}
    assert marks(kept.line for kept in read_quarantine(tmp_path)) == ["b"]
    assert names(tmp_path) == ["cursor", "quarantine.metrics.jsonl"]


def test_taken_lines_leave_at_the_end(tmp_path: Path) -> None:
    """Lines leave the quarantine when all of them were taken; those set aside meanwhile stay."""
    put_aside(tmp_path, "logs", [b"a\n", b"b\n"], "bad", T0_NS)
    put_aside(tmp_path, "metrics", [b"m\n"], "bad", T0_NS)
    taken = []
    for kept in take_quarantined(tmp_path, "logs"):
        taken.append(kept.line)
        if kept.line == b"b\n":
            put_aside(tmp_path, "logs", [kept.line], "still bad", T0_NS)
    assert taken == [b"a\n", b"b\n"]
    assert [(kept.line, kept.reason) for kept in read_quarantine(tmp_path)] == [
        (b"m\n", "bad"),
        (b"b\n", "still bad"),
    ]


def test_what_was_taken_in_part_comes_again(tmp_path: Path) -> None:
    """A retry that ends early loses nothing: all its lines, and newer ones, come the next time."""
    put_aside(tmp_path, "logs", [b"a\n", b"b\n"], "bad", T0_NS)
    assert [kept.line for kept in islice(take_quarantined(tmp_path, "logs"), 1)] == [b"a\n"]
    assert [kept.line for kept in read_quarantine(tmp_path)] == [b"a\n", b"b\n"]
    put_aside(tmp_path, "logs", [b"c\n"], "bad", T0_NS)
    assert [kept.line for kept in take_quarantined(tmp_path, "logs")] == [b"a\n", b"b\n", b"c\n"]
    assert names(tmp_path) == []
    assert list(take_quarantined(tmp_path, "logs")) == []


def test_a_torn_entry_costs_only_itself(tmp_path: Path) -> None:
    """Half an entry and foreign lines are passed over, and what comes later is found."""
    path = quarantine_path(tmp_path, "logs")
    path.write_bytes(b'[1]\n"x"\n{"reason":"x","time":1,"line":2}\n{"reason":"torn","ti')
    put_aside(tmp_path, "logs", [b"a\n"], "bad", T0_NS)
    assert [kept.line for kept in read_quarantine(tmp_path)] == [b"a\n"]


def test_nothing_set_aside_leaves_no_file(tmp_path: Path) -> None:
    """Without lines no file is made."""
    put_aside(tmp_path, "logs", [], "bad", T0_NS)
    assert names(tmp_path) == []


FULL_DISK = f"""
import pathlib, resource, signal, sys
from otel_mmlog.sender.quarantine import put_aside
folder = pathlib.Path(sys.argv[1])
put_aside(folder, "logs", [b"first"], "bad", {T0_NS})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    put_aside(folder, "logs", [b"second" * 100], "bad", {T0_NS})
except OSError as error:
    print(error.errno)
"""


def test_a_full_disk_is_an_error_that_leaves_no_half(tmp_path: Path) -> None:
    """What cannot be kept whole is an OSError, and the file stays as it was."""
    done = run_python(FULL_DISK, tmp_path)
    assert done.stdout.strip() == str(errno.EFBIG), done.stderr
    assert [kept.line for kept in read_quarantine(tmp_path)] == [b"first"]
    assert quarantine_path(tmp_path, "logs").read_bytes().endswith(b"}\n")
