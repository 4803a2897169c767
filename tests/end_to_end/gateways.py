"""Gateways that keep what they let in as a file instead of sending it on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.chain import Gateway, gateway, running
from tests.end_to_end.otlp_files import Telemetry, read_otlp

TO_FILE = """
exporters: {file: {path: telemetry.jsonl, append: true}}
service:
  telemetry: {metrics: {level: none, readers: []}}
  pipelines: {metrics: {exporters: [file]}, logs: {exporters: [file]}, traces: {exporters: [file]}}
"""
"""Added to a gateway, it keeps in a file what the stores would get."""


@contextmanager
def gateway_to_file(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """A running gateway that keeps what it lets in."""
    front = gateway(folder, variables or {})
    (folder / "to_file.yaml").write_text(TO_FILE)
    front.program.command.extend(["--config", str(folder / "to_file.yaml")])
    with running(front.program):
        yield front


def taken(front: Gateway) -> Telemetry:
    """What a gateway of `gateway_to_file` let in."""
    return read_otlp(front.program.folder / "telemetry.jsonl")


def points(front: Gateway) -> list[tuple[str, float]]:
    """The service and the value of each loss among it."""
    return [
        (each.resource["service.name"], each.value)
        for each in taken(front).points
        if each.name == "mmlog.train.loss" and each.value is not None
    ]


def services(front: Gateway) -> set[str]:
    """The services that have a loss among it."""
    return {service for service, _ in points(front)}
