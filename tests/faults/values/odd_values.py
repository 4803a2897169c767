"""Values that no format expects, through every way in: their neighbours arrive, and what is lost of them is counted."""

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from otel_mmlog.sender.drain import drain
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.transport import make_transports
from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, taken
from tests.faults.outcome import Outcome, unless
from tests.faults.training import Closed
from tests.faults.values.odd_checks import CHECKS, Arrived, Check
from tests.processes import run_python

PROTOCOLS = ("http/json", "grpc", "http/protobuf")
_PROGRAM = (
    "import runpy; runpy.run_module('tests.faults.values.odd_ways', run_name='__main__', alter_sys=True)"
)


def sent_by(way: str, check: Check, context: Context) -> Outcome:
    """Values go one way into a run; its journal is sent by each protocol, and all of them must tell the same."""
    work_dir = context.folder / "run"
    ended = run_python(_PROGRAM, work_dir, way, *(() if context.is_short else ("--full",)))
    if ended.returncode:
        return Outcome(wrong=[f"something was raised into the training: {ended.stderr[-600:]}"])
    said = json.loads(ended.stdout.splitlines()[-1])
    wrong: list[str] = []
    sums = None
    for protocol in PROTOCOLS[: context.pick(2, 3)]:
        with FakeReceiver() as receiver:
            wrong += _send(work_dir, context.folder / protocol.replace("/", "-"), receiver, protocol)
            points = [point for point in receiver.points() if not point.flags]
            arrived = Arrived(points, receiver.logs(), receiver.spans())
            sums, unbalanced = balance(_closed(said), taken(receiver), taken())
            wrong += [f"{protocol}: {what}" for what in (*unbalanced, *check(arrived, said))]
    wrong += _wrong_files(work_dir)
    return Outcome(sums, close_s=said["close_s"], wrong=wrong, note=_counted(said["faults"]))


def _send(work_dir: Path, copy: Path, receiver: FakeReceiver, protocol: str) -> list[str]:
    shutil.copytree(work_dir / "otlp", copy)
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    endpoints = read_endpoints(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    )
    transports = make_transports(endpoints or {})
    summary = drain(list(copy.iterdir()), transports, lambda _: None)
    for transport in transports.values():
        transport.close()
    return [
        *unless(summary.status.finished, f"{protocol}: not all was delivered: {summary.status.reasons()}"),
        *unless(not summary.skipped_lines, f"{protocol}: {summary.skipped_lines} lines were not read"),
    ]


def _closed(said: Mapping[str, Any]) -> Closed:
    refused = {(signal, reason): count for signal, reason, count in said["refused"]}
    return Closed(said["complete"], said["close_s"], said["produced"], refused, {}, {})


def _counted(faults: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(faults.items()))


def _wrong_files(work_dir: Path) -> list[str]:
    """What is wrong with the JSON file: each line is an object of strict JSON, and they are numbered without a gap."""
    numbers = []
    for line in (work_dir / "tmp.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            numbers.append(json.loads(line, parse_constant=_refuse)["seq"])
        except (ValueError, KeyError, TypeError) as error:
            return [f"a line of the JSON file cannot be read: {error}: {line[:200]}"]
    return unless(numbers == list(range(len(numbers))), "lines of the JSON file are missing")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


FAULTS: Sequence[Fault] = named(
    "values", [Fault(way, partial(sent_by, way, check)) for way, check in CHECKS.items()]
)
