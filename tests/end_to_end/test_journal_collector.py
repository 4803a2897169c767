"""A real Collector reads journals, and takes OTLP, with the configurations that users copy."""

import json
import math
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.recovery import recover
from tests.end_to_end.otlp_files import LogRecord, Point, Span, Telemetry, read_otlp
from tests.end_to_end.servers import free_port, otelcol, wait_until

RANKS = 4
SEGMENTS = 3
RECORDS = 90
T0 = 1_790_000_000_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
LONG = "x" * 2048


def resource(rank: int) -> dict[str, Any]:
    """A resource whose attributes take more than the 1000 bytes by which the receiver tells files apart."""
    attributes = [
        {"key": "team.note", "value": {"stringValue": LONG}},
        {"key": "rank", "value": {"intValue": str(rank)}},
    ]
    return {"attributes": attributes}


def loss(rank: int, number: int) -> float:
    """A loss that diverges: most are numbers, some are not."""
    return {7: math.nan, 8: math.inf, 9: -math.inf}.get(number % 10, rank + number / 8)


def record_lines(rank: int, number: int) -> tuple[EncodedLine, EncodedLine, EncodedLine]:
    """Points, a log record and a span of one record, all with a number that no other has."""
    time, mark = str(T0 + number), [{"key": "number", "value": {"intValue": str(number)}}]
    value = loss(rank, number)
    points = [
        {"name": "mmlog.train.loss", "gauge": {"dataPoints": [_point(time, mark, value)]}},
        {"name": "mmlog.train.iter", "gauge": {"dataPoints": [{"timeUnixNano": time, "asInt": str(number)}]}},
    ]
    log = {
        "timeUnixNano": time,
        "severityNumber": 9,
        "body": {"stringValue": f"{rank}:{number}"},
        "attributes": mark,
    }
    span = {
        "traceId": TRACE,
        "spanId": f"{rank + 1:04x}{number + 1:012x}",
        "name": f"{rank}:{number}",
        "kind": 1,
        "startTimeUnixNano": time,
        "endTimeUnixNano": time,
    }
    return (
        EncodedLine("metrics", _request("resourceMetrics", "scopeMetrics", "metrics", rank, points), 2),
        EncodedLine("logs", _request("resourceLogs", "scopeLogs", "logRecords", rank, [log]), 1),
        EncodedLine("traces", _request("resourceSpans", "scopeSpans", "spans", rank, [span]), 1),
    )


def _point(time: str, mark: list[dict[str, Any]], value: float) -> dict[str, Any]:
    words = {math.inf: "Infinity", -math.inf: "-Infinity"}
    as_double = "NaN" if math.isnan(value) else words.get(value, value)
    return {"timeUnixNano": time, "asDouble": as_double, "attributes": mark}


def _request(outer: str, inner: str, leaf: str, rank: int, items: list[dict[str, Any]]) -> bytes:
    scopes = [{"scope": {"name": "otel_mmlog"}, leaf: items}]
    return json.dumps({outer: [{"resource": resource(rank), inner: scopes}]}).encode() + b"\n"


def write_journals(work_dir: Path, at_boundary: Callable[[], None] = lambda: None) -> list[Journal]:
    """Journals of exactly three segments, all ranks in turn; the last segments are still open."""
    now_ns = [T0]
    limits = JournalSettings(min_free_bytes=0)
    folders = [work_dir / "otlp" / f"rank{rank:04d}" for rank in range(RANKS)]
    journals = [Journal(folder, settings=limits, clock=lambda: now_ns[0]) for folder in folders]
    for number in range(RECORDS):
        if number in {RECORDS // SEGMENTS, 2 * RECORDS // SEGMENTS}:
            at_boundary()
            now_ns[0] += 301_000_000_000
        for rank, journal in enumerate(journals):
            assert journal.append(*record_lines(rank, number))
    return journals


def reading(work_dir: Path, out: Path) -> dict[str, str]:
    """The environment of a Collector that reads a work_dir, open segments too, and writes to a file."""
    return {
        "OTEL_MMLOG_WORK_DIR": str(work_dir),
        "MMLOG_OFFLINE_SEGMENTS": "*.jsonl*",
        "MMLOG_COLLECTOR_FILE": str(out),
    }


def collect(work_dir: Path, config: Path, folder: Path, expected_items: int) -> Telemetry:
    """What a Collector wrote that was started on a work_dir with the users' configuration."""
    out = folder / "telemetry.jsonl"
    with otelcol(config, folder, reading(work_dir, out)) as server:
        wait_until(lambda: read_otlp(out).items >= expected_items, 25)
        server.stop()
    return read_otlp(out)


def assert_each_once(
    found: Telemetry,
    missing: Set[tuple[int, int]] = frozenset(),
    torn_spans: Set[tuple[int, int]] = frozenset(),
) -> None:
    """Every item of every rank but the missing ones is there exactly once, as it was written."""
    expected = Counter((rank, n) for rank in range(RANKS) for n in range(RECORDS) if (rank, n) not in missing)
    losses = [point for point in found.points if point.name == "mmlog.train.loss"]
    iters = [point for point in found.points if point.name == "mmlog.train.iter"]
    assert Counter((p.resource["rank"], p.attributes["number"]) for p in losses) == expected
    assert Counter((p.resource["rank"], p.value) for p in iters) == expected
    assert Counter((r.resource["rank"], r.attributes["number"]) for r in found.logs) == expected
    spans = Counter(f"{rank}:{n}" for rank, n in expected if (rank, n) not in torn_spans)
    assert Counter(span.name for span in found.spans) == spans
    items: list[Point | LogRecord | Span] = [*found.points, *found.logs, *found.spans]
    assert all(item.resource["team.note"] == LONG for item in items)
    assert all(set(point.attributes) == {"number"} for point in losses)
    for point in losses:
        assert str(point.value) == str(loss(point.resource["rank"], point.attributes["number"]))


def test_every_item_of_four_ranks_arrives_once(tmp_path: Path, configs: Path) -> None:
    """4 ranks x 3 segments, 2 KB of resource, NaN and Inf: all points, logs and spans arrive once."""
    journals = write_journals(tmp_path / "work")
    files = sorted((tmp_path / "work").rglob("*.jsonl*"))
    assert Counter(path.suffix for path in files) == {".jsonl": RANKS * (SEGMENTS - 1), ".part": RANKS}
    assert_each_once(collect(tmp_path / "work", configs / "offline.yaml", tmp_path, 4 * RANKS * RECORDS))
    for journal in journals:
        journal.close()


def test_segments_that_are_sealed_while_they_are_read_arrive_once(tmp_path: Path, configs: Path) -> None:
    """A Collector that follows live journals reads each line once, although files are renamed meanwhile."""
    out = tmp_path / "telemetry.jsonl"
    with otelcol(configs / "offline.yaml", tmp_path, reading(tmp_path / "work", out)) as server:
        journals = write_journals(tmp_path / "work", at_boundary=lambda: time.sleep(0.4))
        assert wait_until(lambda: read_otlp(out).items > 0, 25)
        for journal in journals:
            journal.close()
        wait_until(lambda: read_otlp(out).items >= 4 * RANKS * RECORDS, 25)
        server.stop()
    assert_each_once(read_otlp(out))


def test_torn_and_corrupt_lines_cost_only_themselves(tmp_path: Path, configs: Path) -> None:
    """Noise in the middle and a torn line at the end leave all other items as they are."""
    work_dir = tmp_path / "work"
    for journal in write_journals(work_dir):
        journal.close()
    first, *_, last = sorted((work_dir / "otlp" / "rank0002").iterdir())
    lines = first.read_bytes().splitlines(keepends=True)
    number = 4  # its three lines follow the first line of the segment and those of four records
    lines[1 + 3 * number : 4 + 3 * number] = [b"\x00\xff{]" + LONG.encode() + b"\n", b'{"resourceLogs": 7}\n']
    first.write_bytes(b"".join(lines))
    os.truncate(last, last.stat().st_size - 50)
    found = collect(work_dir, configs / "offline.yaml", tmp_path, 4 * (RANKS * RECORDS - 1) - 1)
    assert_each_once(found, missing={(2, number)}, torn_spans={(2, RECORDS - 1)})


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_synthesized_span_is_taken_by_the_collector(tmp_path: Path, configs: Path) -> None:
    """What recovery writes for a dead process is a span to the Collector, with its error and times."""
    folder = tmp_path / "work" / "otlp" / "rank0000"
    told = [
        {"key": "mmlog.span.name", "value": {"stringValue": "mmlog.run"}},
        {"key": "mmlog.span.kind", "value": {"intValue": "1"}},
    ]
    record = {
        "timeUnixNano": str(T0),
        "eventName": "mmlog.span.start",
        "traceId": TRACE,
        "spanId": "00000000000000aa",
        "flags": 1,
        "attributes": told,
    }
    request = _request("resourceLogs", "scopeLogs", "logRecords", 0, [record])
    pid = os.fork()
    if pid == 0:
        Journal(folder).append(EncodedLine("logs", request, 1))
        os._exit(0)
    os.waitpid(pid, 0)
    journal = Journal(folder)
    recover(folder, journal.append)
    journal.close()
    (span,) = collect(tmp_path / "work", configs / "offline.yaml", tmp_path, 2).spans
    assert b"mmlog.span.start" in b"".join(path.read_bytes() for path in folder.iterdir())
    assert (span.name, span.status, span.start_ns, span.end_ns) == ("mmlog.run", 2, T0, T0)
    assert span.attributes == {"mmlog.span.synthesized": True}
    assert span.resource["rank"] == 0


def test_local_config_takes_otlp_as_it_is(tmp_path: Path, configs: Path) -> None:
    """local.yaml starts as it is and keeps what comes over HTTP in its file."""
    out, port = tmp_path / "telemetry.jsonl", free_port()
    variables = {
        "MMLOG_COLLECTOR_GRPC": f"127.0.0.1:{free_port()}",
        "MMLOG_COLLECTOR_HTTP": f"127.0.0.1:{port}",
    }
    metrics, logs, traces = record_lines(3, 7)
    with otelcol(configs / "local.yaml", tmp_path, variables) as server:
        for path, item in {"metrics": metrics, "logs": logs, "traces": traces}.items():
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/{path}", item.data, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
        server.stop()
    found = read_otlp(out)
    assert (len(found.points), len(found.logs), len(found.spans)) == (2, 1, 1)
    assert math.isnan(found.points[0].value or 0.0)
