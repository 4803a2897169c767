"""Journals with lines of chosen times, and what became of them when they were sent."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.sender.drain import Summary, drain
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.transport import make_transports
from otel_mmlog.sender.types import Signal, Transport
from tests.otel.telemetry import RESOURCE, make_encoder, make_event, make_record

TRACE = "0af7651916cd43dd8448eb211c80319c"
PREFIX = "OTEL_EXPORTER_OTLP_"


@dataclass(slots=True)
class Counted:
    """Transports that note what the server answered.

    Attributes:
        kinds: By signal, the kind of each answer in turn.
        details: What the server said, each text once.
    """

    transports: dict[Signal, Transport]
    kinds: dict[Signal, list[str]] = field(default_factory=dict)
    details: list[str] = field(default_factory=list)

    def noting(self) -> dict[Signal, Transport]:
        """The transports to send with."""
        return {signal: _Noting(transport, self) for signal, transport in self.transports.items()}


@dataclass(slots=True)
class _Noting:
    inner: Transport
    counted: Counted

    def send(self, signal: Signal, lines: Sequence[bytes]) -> Any:
        answer = self.inner.send(signal, lines)
        self.counted.kinds.setdefault(signal, []).append(answer.kind)
        if answer.detail and answer.detail not in self.counted.details:
            self.counted.details.append(answer.detail)
        return answer

    def as_protobuf(self) -> "_Noting | None":
        switch = getattr(self.inner, "as_protobuf", None)
        other = switch() if switch else None
        return None if other is None else _Noting(other, self.counted)

    def close(self) -> None:
        self.inner.close()


def write_journal(
    folder: Path,
    times_ns: Sequence[int],
    *,
    service: str = "exp",
    tags: Mapping[str, float] | None = None,
    pad: int = 0,
) -> Path:
    """A closed journal with a point, a log record and a span at each time.

    Args:
        folder: The rank's folder.
        times_ns: Unix times.
        service: The ``service.name`` of everything.
        tags: Of each record; None for a loss that is the line's number.
        pad: Attributes of a kilobyte each that make every line longer.
    """
    padding = {f"pad{number}": "x" * 1000 for number in range(pad)}
    resource = {**RESOURCE, "service.name": service, **padding}
    encoder = make_encoder(resource=resource, clock_ns=time.time_ns)
    journal = Journal(folder, settings=JournalSettings(min_free_bytes=0))
    for number, time_ns in enumerate(times_ns):
        record = replace(make_record(tags or {"loss": float(number)}), time_ns=time_ns)
        log = encoder.log_line(make_event(body=f"line {number}", time_ns=time_ns))
        assert journal.append(*encoder.metrics_lines(record), log, _span_line(resource, number, time_ns))
    journal.close()
    return folder


def send(
    endpoint: str, *folders: Path, patience_s: float = 30.0, **variables: str
) -> tuple[Summary, Counted]:
    """Send journals to an endpoint; further variables without their prefix."""
    environ = {PREFIX + "ENDPOINT": endpoint, **{PREFIX + name: text for name, text in variables.items()}}
    counted = Counted(make_transports(read_endpoints(environ) or {}))
    try:
        summary = drain(folders, counted.noting(), lambda _: None, patience_s=patience_s)
    finally:
        for transport in counted.transports.values():
            transport.close()
    return summary, counted


def quarantined(folder: Path) -> Iterator[tuple[str, str]]:
    """The line and the reason of everything that was set aside."""
    for path in sorted(folder.glob("quarantine.*.jsonl")):
        for text in path.read_text().splitlines():
            kept = json.loads(text)
            yield kept["line"], kept["reason"]


def segments(folder: Path) -> list[Path]:
    """The segments that are left."""
    return [path for path in folder.glob("*.jsonl*") if not path.name.startswith("quarantine")]


def _span_line(resource: Mapping[str, Any], number: int, time_ns: int) -> EncodedLine:
    attributes = [{"key": key, "value": {"stringValue": str(value)}} for key, value in resource.items()]
    span = {
        "traceId": TRACE,
        "spanId": f"{number + 1:016x}",
        "name": f"span {number}",
        "kind": 1,
        "startTimeUnixNano": str(time_ns),
        "endTimeUnixNano": str(time_ns + 1),
    }
    scopes = [{"scope": {"name": "otel_mmlog"}, "spans": [span]}]
    request = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scopes}]}
    return EncodedLine("traces", json.dumps(request, separators=(",", ":")).encode() + b"\n", 1)
