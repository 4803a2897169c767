"""Journal folders for the reader's tests: real segments with real locks, and lines that can be told apart."""

import json
from collections.abc import Iterable
from pathlib import Path

from otel_mmlog.core.segments import SegmentName
from otel_mmlog.otel.segment_writer import SegmentWriter
from otel_mmlog.sender.batches import Batch
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS, Signal

T0_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
OLD = "20260101T000000_000000"
NEW = "20260102T000000_000000"


def request(signal: Signal, mark: str, *, at_s: float = 0, pad_bytes: int = 0) -> bytes:
    """A journal line with one item, named by its mark, some seconds after T0."""
    at = str(T0_NS + round(at_s * SECOND_NS))
    item: dict[str, object] = {"name": mark, "pad": "x" * pad_bytes}
    if signal == "metrics":
        item["gauge"] = {"dataPoints": [{"timeUnixNano": at, "asDouble": 1.0}]}
        lists = ("resourceMetrics", "scopeMetrics", "metrics")
    elif signal == "logs":
        item["timeUnixNano"] = at
        lists = ("resourceLogs", "scopeLogs", "logRecords")
    else:
        item |= {"spanId": "0123456789abcdef", "startTimeUnixNano": "1", "endTimeUnixNano": at}
        lists = ("resourceSpans", "scopeSpans", "spans")
    outer, inner, leaf = lists
    resource = {"attributes": [{"key": "rank", "value": {"intValue": "3"}}]}
    message = {outer: [{"resource": resource, inner: [{"scope": {"name": "test"}, leaf: [item]}]}]}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def mark_of(line: bytes) -> str:
    """The mark of a line that `request` made."""
    ((group,),) = json.loads(line).values()
    ((scope,),) = (value for key, value in group.items() if key != "resource")
    ((item,),) = (value for key, value in scope.items() if key != "scope")
    return str(item["name"])


def marks(lines: Iterable[bytes]) -> list[str]:
    """The marks of lines, in order."""
    return [mark_of(line) for line in lines]


def writer(folder: Path, *, start: str = NEW, process: str = "0000000a", number: int = 0) -> SegmentWriter:
    """An open, locked segment with its first line."""
    return SegmentWriter(folder, SegmentName(start, process, number), 0)


def sealed(folder: Path, *lines: bytes, start: str = NEW, process: str = "0000000a", number: int = 0) -> Path:
    """A sealed segment with some lines."""
    segment = writer(folder, start=start, process=process, number=number)
    segment.write(b"".join(lines))
    segment.seal()
    return folder / segment.path.name.removesuffix(".part")


def drain(reader: JournalReader) -> dict[Signal, list[str]]:
    """The marks of everything that there is, acknowledged."""
    found: dict[Signal, list[str]] = {signal: [] for signal in SIGNALS}
    while batches := [batch for signal in SIGNALS if (batch := reader.next_batch(signal))]:
        for batch in batches:
            found[batch.signal] += marks(batch.lines)
            reader.acknowledge(batch)
    return found


def batches_of(reader: JournalReader, signal: Signal) -> list[Batch]:
    """A signal's batches, each acknowledged before the next."""
    found = []
    while (batch := reader.next_batch(signal)) is not None:
        found.append(batch)
        reader.acknowledge(batch)
    return found


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_ns = T0_NS

    def __call__(self) -> int:
        return self.now_ns

    def go_on(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)
