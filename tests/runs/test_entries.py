"""A JSON line read back."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.runs.entries import full_name, parse_entry, parse_time
from tests.conftest import MakeRun
from tests.runs.written import json_line, record_line


def test_what_a_run_writes_is_read_back(make_run: MakeRun, tmp_path: Path) -> None:
    """Records, log calls with what was bound to them, and exceptions are as they were logged."""
    run = make_run(interval=1)
    for loss in run.train([0.5, math.nan, math.inf, -math.inf]):
        run.log(loss=loss)
    run.logger.info("saved", path="a.pt")
    run.logger.error("failed", exc_info=ValueError("odd"))
    run.close()
    lines = (tmp_path / "tmp.jsonl").read_bytes().splitlines()
    entries = [entry for line in lines if (entry := parse_entry(line)) is not None]
    assert len(entries) == len(lines)
    assert [entry.seq for entry in entries] == list(range(len(lines)))
    losses = [entry.tags["loss"] for entry in entries if entry.mode == "train"]
    assert losses[0] == 0.5
    assert all(isinstance(loss, float) for loss in losses)
    saved = next(entry for entry in entries if entry.text == "saved")
    assert (saved.rest["path"], saved.mode, saved.tags) == ("a.pt", "", {})
    failed = next(entry for entry in entries if entry.text == "failed")
    assert (failed.level, failed.rest["exception"]["message"]) == ("ERROR", "odd")
    assert (entries[0].event_name, entries[-1].run_id) == ("mmlog.run.start", entries[0].run_id)


def test_numbers_that_json_has_not() -> None:
    """NaN and infinities are floats again; a text of another name stays one."""
    entry = parse_entry(record_line(1, {"a": "NaN", "b": "-Infinity", "c": "Infinity", "d": "nan"}))
    assert entry is not None
    assert math.isnan(entry.tags["a"])
    assert [entry.tags[name] for name in "bcd"] == [-math.inf, math.inf, "nan"]


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"1", b"null", b'"ts"', b"{}", json_line()[:-3], json_line(ts="yesterday"), b"\xff"],
)
def test_foreign_and_torn_lines(line: bytes) -> None:
    """They are none, and raise nothing."""
    assert parse_entry(line) is None


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes(line: bytes) -> None:
    """Whatever a line is, it is read without an error."""
    parse_entry(line)


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_keep_their_microseconds(microseconds: int) -> None:
    """What is written of a time is read back."""
    entry = parse_entry(json_line(microseconds / 1e6))
    assert entry is not None
    assert abs(entry.time_s - microseconds / 1e6) < 2e-6


def test_time_without_zone() -> None:
    """A time that does not say that it is UTC is refused."""
    with pytest.raises(ValueError, match="no time in UTC"):
        parse_time("2026-11-22T15:56:43.440714")


def test_full_names() -> None:
    """A tag gets its loop before it, once."""
    assert (full_name("val", "acc"), full_name("val", "val/acc")) == ("val/acc", "val/acc")
