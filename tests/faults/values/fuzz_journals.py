"""Journals with any damage: readers go on, what was not touched arrives, and nothing arrives that nobody wrote."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner

from otel_mmlog.cli.main import main
from otel_mmlog.core.line_check import with_check
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.recovery import recover
from otel_mmlog.sender.drain import drain
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.protobuf_json import build_request
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.splice import MalformedLineError, splice
from otel_mmlog.sender.transport import make_transports
from otel_mmlog.sender.types import SIGNALS, Signal
from otel_mmlog.testing import FakeReceiver
from tests.faults.values.twisted import WRITTEN, Damaged

PATIENCE_S = 10.0


class Journals:
    """Reads damaged journals in every way there is.

    Args:
        folder: For the journals.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "rank0000"

    def check_reading(self, damaged: Damaged) -> None:
        """The reader, the encoders of requests, and the recovery of spans."""
        damaged.put(self._folder)
        found: Counter[bytes] = Counter()
        reader = JournalReader(self._folder)
        for signal in SIGNALS:
            while (batch := reader.next_batch(signal)) is not None:
                found.update(batch.lines)
                _encode(signal, batch.lines)
                reader.acknowledge(batch)
        assert reader.finished(), "something is left"
        reader.backlog()
        reader.close()
        _compare(damaged, found)
        ended: list[EncodedLine] = []

        def keep(line: EncodedLine) -> bool:
            ended.append(line)
            return True

        recover(self._folder, keep)
        for line in ended:
            json.loads(line.data)

    def check_sending(self, damaged: Damaged, protocol: str) -> None:
        """``otel-mmlog send``, to a server that takes what it can read."""
        if damaged.has_unsendable():
            return
        damaged.put(self._folder)
        with FakeReceiver() as receiver:
            endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
            transports = make_transports(read_endpoints(variables) or {})
            summary = drain([self._folder], transports, lambda _: None, patience_s=PATIENCE_S)
            for transport in transports.values():
                transport.close()
            arrived = {point.name for point in receiver.points()}
            arrived |= {log.body for log in receiver.logs() if isinstance(log.body, str)} | {
                span.name for span in receiver.spans()
            }
        wanted = {_mark(line) for line in damaged.untouched()}
        assert wanted <= arrived, f"missing: {sorted(wanted - arrived)}, {summary.status.reasons()}"
        strange = [name for name in arrived if not damaged.has_name(name)]
        assert not strange, f"nobody wrote {strange}"

    def check_commands(self, damaged: Damaged) -> None:
        """``otel-mmlog export`` and ``send --dry-run``: they end with a sentence at worst."""
        damaged.put(self._folder)
        for arguments in (
            ["export", "--openmetrics", str(self._folder)],
            ["send", str(self._folder), "--dry-run"],
        ):
            result = CliRunner().invoke(main, arguments)
            assert isinstance(result.exception, (SystemExit, type(None))), (
                f"{arguments[0]}: {result.exception!r}"
            )


def _encode(signal: Signal, lines: Sequence[bytes]) -> None:
    """Make requests; a line that cannot be one is told by an exception of its own."""
    for line in lines:
        for encode in (lambda line: build_request(signal, line), lambda line: splice(signal, [line])):
            try:
                encode(line)
            except MalformedLineError:
                assert line not in WRITTEN, "a line as it was written cannot be sent"


def _compare(damaged: Damaged, found: Counter[bytes]) -> None:
    wanted = damaged.untouched()
    lost = [line for line, count in wanted.items() if found[line] < count]
    assert not lost, f"{len(lost)} lines that are whole were not read as often as they are there: {lost[0]!r}"
    # Lines without a check are those of other programs.
    strange = [line for line in found if line not in WRITTEN and not _is_foreign(damaged, line)]
    assert not strange, f"nobody wrote {strange[0]!r}"


def _is_foreign(damaged: Damaged, line: bytes) -> bool:
    files = (*damaged.files, *(data for _, data in damaged.others))
    ends = (line, with_check(line))  # what hides behind something torn is read, too
    return any(each.endswith(ends) for data in files for each in data.splitlines(keepends=True))


def _mark(line: bytes) -> str:
    start = line.index(b"mark ")
    return line[start : line.index(b'"', start)].decode()
