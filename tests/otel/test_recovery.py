"""What a new attempt finds in the journals of processes that died."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_mmlog.core.segments import SegmentName
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.recovery import Recovery, recover
from otel_mmlog.otel.segment_writer import first_line
from tests.otel.journal_lines import line, marks_in

TRACE = "0af7651916cd43dd8448eb211c80319c"
T0 = 1_790_000_000_000_000_000
RESOURCE = {"attributes": [{"key": "rank", "value": {"intValue": "3"}}]}
SCOPE = {"name": "otel_mmlog", "version": "1"}


def started(span: int, *, parent: int | None = None, at_ns: int = T0, **attributes: str) -> bytes:
    """The journal line of a span's start."""
    told: list[dict[str, Any]] = [
        {"key": "mmlog.span.name", "value": {"stringValue": f"span{span}"}},
        {"key": "mmlog.span.kind", "value": {"intValue": "1"}},
    ]
    if parent is not None:
        told.append({"key": "mmlog.span.parent_id", "value": {"stringValue": f"{parent:016x}"}})
    if attributes:
        values = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        told.append({"key": "mmlog.span.attributes", "value": {"kvlistValue": {"values": values}}})
    record = {
        "timeUnixNano": str(at_ns),
        "eventName": "mmlog.span.start",
        "traceId": TRACE,
        "spanId": f"{span:016x}",
        "flags": 1,
        "attributes": told,
    }
    return _line(
        {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"scope": SCOPE, "logRecords": [record]}]}]}
    )


def ended(span: int) -> bytes:
    """The journal line of a span that ended by itself."""
    ids = {"traceId": TRACE, "spanId": f"{span:016x}", "name": f"span{span}"}
    return _line(
        {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"scope": SCOPE, "spans": [ids]}]}]}
    )


def point(at_ns: int) -> bytes:
    """The journal line of a point, as a sign of life."""
    points = {"dataPoints": [{"timeUnixNano": str(at_ns), "asDouble": 1.0}]}
    metrics = [{"name": "mmlog.train.loss", "gauge": points}]
    return _line({"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"metrics": metrics}]}]})


def _line(request: dict[str, Any]) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode() + b"\n"


def segment(
    folder: Path,
    *lines: bytes,
    number: int = 0,
    process: str = "0000000a",
    part: bool = True,
    mtime_ns: int = T0 * 2,
) -> Path:
    """A segment of a dead process; no lock is held on it."""
    name = SegmentName("20260101T000000_000000", process, number)
    path = folder / f"{name}{'.part' if part else ''}"
    path.write_bytes(first_line(name) + b"".join(lines))
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


class Taken(list[EncodedLine]):
    """Lines that were appended, and the spans in them."""

    def take(self, item: EncodedLine) -> bool:
        self.append(item)
        return True

    @property
    def spans(self) -> list[dict[str, Any]]:
        requests = [json.loads(item.data) for item in self]
        return [
            s
            for r in requests
            for g in r["resourceSpans"]
            for scope in g["scopeSpans"]
            for s in scope["spans"]
        ]


def test_open_span_is_ended_at_the_last_sign_of_life(tmp_path: Path) -> None:
    """A span whose process died is written with an error, its own start and the time of the last line."""
    segment(tmp_path, started(1, epoch="2"), started(2, parent=1, at_ns=T0 + 5), ended(2), point(T0 + 70))
    taken = Taken()
    assert recover(tmp_path, taken.take) == Recovery(1, 1, 0, 0, ())
    assert [(item.signal, item.items, item.data[-1:]) for item in taken] == [("traces", 1, b"\n")]
    request = json.loads(taken[0].data)
    assert request["resourceSpans"][0]["resource"] == RESOURCE
    assert request["resourceSpans"][0]["scopeSpans"][0]["scope"] == SCOPE
    assert taken.spans == [
        {
            "traceId": TRACE,
            "spanId": f"{1:016x}",
            "flags": 1,
            "name": "span1",
            "kind": 1,
            "startTimeUnixNano": str(T0),
            "endTimeUnixNano": str(T0 + 70),
            "attributes": [
                {"key": "epoch", "value": {"stringValue": "2"}},
                {"key": "mmlog.span.synthesized", "value": {"boolValue": True}},
            ],
            "links": [],
            "status": {"code": 2, "message": "the process ended before the span did"},
        }
    ]


def test_parent_of_an_open_span_is_kept(tmp_path: Path) -> None:
    """Both of two nested open spans are ended, outer first, and the inner one keeps its parent."""
    segment(tmp_path, started(1), started(2, parent=1, at_ns=T0 + 5))
    taken = Taken()
    recover(tmp_path, taken.take)
    assert [(span["spanId"], span.get("parentSpanId")) for span in taken.spans] == [
        (f"{1:016x}", None),
        (f"{2:016x}", f"{1:016x}"),
    ]


def test_links_of_an_open_span_are_kept(tmp_path: Path) -> None:
    """The links that a start tells of, as ids in hex, are links of the ended span."""
    links = {"arrayValue": {"values": [{"stringValue": f"{TRACE}:{9:016x}"}]}}
    told = json.dumps({"key": "mmlog.span.links", "value": links}).encode()
    segment(
        tmp_path,
        started(1).replace(b'"attributes":[{"key":"mmlog', b'"attributes":[' + told + b',{"key":"mmlog'),
    )
    taken = Taken()
    recover(tmp_path, taken.take)
    assert taken.spans[0]["links"] == [{"traceId": TRACE, "spanId": f"{9:016x}"}]


def test_all_segments_of_the_process_are_read_and_no_others(tmp_path: Path) -> None:
    """Starts and ends lie in earlier, sealed segments; another process's spans are its own affair."""
    segment(tmp_path, started(1), started(2), part=False)
    segment(tmp_path, ended(2), started(3), number=1, part=False)
    segment(tmp_path, ended(3), number=2)
    segment(tmp_path, started(4), process="0000000b", part=False)
    taken = Taken()
    recover(tmp_path, taken.take)
    assert [span["name"] for span in taken.spans] == ["span1"]


def test_dead_segment_is_sealed(tmp_path: Path) -> None:
    """After recovery a dead segment has its final name, and its bytes as they were."""
    path = segment(tmp_path, point(T0), b'{"torn')
    before = path.read_bytes()
    assert recover(tmp_path, Taken().take).skipped_lines == 1
    assert not path.exists()
    assert path.with_suffix("").read_bytes() == before


def test_living_process_is_not_touched(tmp_path: Path) -> None:
    """A segment that a living writer has open keeps its name, and its open spans stay open."""
    other = Journal(tmp_path)
    other.append(EncodedLine("logs", started(1), 1))
    taken = Taken()
    assert recover(tmp_path, taken.take) == Recovery(0, 0, 0, 0, ())
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    other.close()


def test_spans_go_into_the_journal_of_the_new_attempt(tmp_path: Path) -> None:
    """With a journal's append in the same folder the ended spans are in its file, exactly once."""
    segment(tmp_path, started(1))
    journal = Journal(tmp_path)
    assert recover(tmp_path, journal.append).spans == 1
    assert recover(tmp_path, journal.append).spans == 0
    journal.close()
    assert b"".join(p.read_bytes() for p in tmp_path.iterdir()).count(b"mmlog.span.synthesized") == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".jsonl"}


def test_spans_that_nobody_takes_are_left_for_the_next_attempt(tmp_path: Path) -> None:
    """Where the new journal refuses the span, the old file stays open for another try."""
    path = segment(tmp_path, started(1))
    assert recover(tmp_path, lambda _: False).sealed == 0
    assert path.exists()


def test_no_folder_is_nothing_to_do(tmp_path: Path) -> None:
    """The first attempt finds no folder, and that is fine."""
    assert recover(tmp_path / "rank0000", Taken().take) == Recovery(0, 0, 0, 0, ())


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder that is a file is an error in the result, not an exception."""
    (tmp_path / "file").touch()
    (error,) = recover(tmp_path / "file", Taken().take).errors
    assert "NotADirectoryError" in error


def test_wrong_times_do_not_stretch_a_span(tmp_path: Path) -> None:
    """A damaged timestamp from the far future gives way to the file's own time."""
    segment(tmp_path, started(1), point(T0 * 4), mtime_ns=T0 + 9)
    taken = Taken()
    recover(tmp_path, taken.take)
    assert taken.spans[0]["endTimeUnixNano"] == str(T0 + 9)


def test_read_limit_never_ends_a_span_twice(tmp_path: Path) -> None:
    """Beyond the limit older segments are not read, so that a start is not seen without its end."""
    segment(tmp_path, started(1), started(2), part=False)
    segment(tmp_path, ended(1), point(T0) * 100, number=1, part=False)
    path = segment(tmp_path, started(3), number=2)
    taken = Taken()
    result = recover(tmp_path, taken.take, read_limit_bytes=path.stat().st_size)
    assert [span["name"] for span in taken.spans] == ["span3"]
    assert result.unread_bytes > 0


def test_a_line_without_end_is_skipped(tmp_path: Path) -> None:
    """A line of several MiB is one skipped line, and what follows is read."""
    segment(tmp_path, b'{"' + b"x" * 3_000_000 + b"}\n", started(1))
    taken = Taken()
    assert recover(tmp_path, taken.take).skipped_lines == 1
    assert len(taken.spans) == 1


@pytest.mark.parametrize(
    "span", [{}, {"traceId": TRACE}, {"traceId": 7, "spanId": None}, {"spanId": "0" * 16}]
)
def test_an_end_without_ids_stops_no_start(tmp_path: Path, span: dict[str, Any]) -> None:
    """A span that lacks what it is known by costs its own line."""
    end = _line({"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [span]}]}]})
    segment(tmp_path, started(1), end)
    taken = Taken()
    assert recover(tmp_path, taken.take).skipped_lines == 1
    assert [span["name"] for span in taken.spans] == ["span1"]


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new)


@pytest.mark.parametrize(
    "damage",
    [
        _replace(b'"attributes":[{"key":"mmlog.span.name"', b'"attributes":[7,{"key":"mmlog.span.name"'),
        _replace(b'"1"}', b"1e999}"),
        _replace(b'"1"}', b"NaN}"),
        _replace(str(T0).encode(), b"-5"),
        _replace(str(T0).encode(), b"9" * 25),
        _replace(TRACE.encode(), b"no id"),
        _replace(b'"logRecords":[', b'"logRecords":[null,'),
        _replace(b'"scopeLogs":[', b'"scopeLogs":{"a":1},"x":['),
        _replace(b'{"resourceLogs"', b'{"x":' + b"[" * 100_000 + b',"resourceLogs"'),
        _replace(b"otel_mmlog", b"\xff\xfe"),
    ],
)
def test_damaged_start_is_skipped_and_counted(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A start that cannot be read costs itself; its neighbours are ended."""
    whole = started(1)
    assert damage(whole) != whole
    segment(tmp_path, started(2), damage(whole), started(3))
    taken = Taken()
    assert recover(tmp_path, taken.take).skipped_lines == 1
    assert [span["name"] for span in taken.spans] == ["span2", "span3"]


@settings(max_examples=200, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=8),
    cut=st.integers(0, 300),
)
def test_flipped_bytes_cost_only_the_lines_they_touch(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]], cut: int
) -> None:
    """Whatever bytes change, recovery ends, raises nothing, and ends the spans of untouched lines."""
    folder = tmp_path_factory.mktemp("rank")
    lines = [started(n + 1, at_ns=T0 + n) for n in range(12)]
    path = segment(folder, *lines)
    data = bytearray(path.read_bytes())
    for position, change in flips:
        data[position % len(data)] ^= change
    del data[len(data) - cut :]
    path.write_bytes(data)
    untouched = {
        f"{n + 1:016x}" for n, whole in enumerate(lines) if whole.strip() in bytes(data).split(b"\n")
    }
    torn_apart = len(bytes(data).split(b"\n"))
    taken = Taken()
    result = recover(folder, taken.take)
    assert untouched <= {span["spanId"] for span in taken.spans}
    assert result.skipped_lines <= torn_apart
    assert result.sealed == 1
    assert result.errors == ()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_at_all_do_not_stop_a_start(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    """A file of noise under a segment's name is sealed, and its neighbour's span is ended."""
    folder = tmp_path_factory.mktemp("rank")
    path = segment(folder)
    path.write_bytes(noise)
    segment(folder, started(1), line("logs", "a").data, process="0000000b")
    taken = Taken()
    assert recover(folder, taken.take).sealed == 2
    assert [span["name"] for span in taken.spans] == ["span1"]
    assert any(marks_in(p.read_bytes()) == ["a"] for p in folder.iterdir())
