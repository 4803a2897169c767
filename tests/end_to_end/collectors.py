"""The Collector that users try first, at ports that outlive it, so that it can go and come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.servers import free_port, otelcol

CONFIG = Path(__file__).parents[2] / "collector-config" / "local.yaml"
PROTOCOLS = ("http/json", "http/protobuf", "grpc")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a Collector listens, or will."""

    grpc: int
    http: int

    def variables(self, protocol: str) -> dict[str, str]:
        """What the environment of a run needs to send there."""
        port = self.grpc if protocol == "grpc" else self.http
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        }


def free_ports() -> Ports:
    """Two ports that nothing listens on at the moment."""
    return Ports(free_port(), free_port())


@contextmanager
def local_collector(folder: Path, ports: Ports) -> Iterator[Path]:
    """One life of a Collector in a new folder; gives the file in which it keeps what it takes."""
    folder.mkdir()
    variables = {
        "MMLOG_COLLECTOR_GRPC": f"127.0.0.1:{ports.grpc}",
        "MMLOG_COLLECTOR_HTTP": f"127.0.0.1:{ports.http}",
    }
    with otelcol(CONFIG, folder, variables):
        yield folder / "telemetry.jsonl"
