"""The programs between ranks and panels: started with the users' configurations, and what each of them uses."""

import os
import re
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.end_to_end.backends import Prometheus
from tests.end_to_end.chain import TOKEN, Agent, Gateway, Program, agent, gateway, prometheus_store, running

PROMETHEUS_FLAGS = ("--web.enable-remote-write-receiver", "--web.enable-admin-api")
"""What the benchmark needs beside what users need: to write the past, and to take a snapshot."""
_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used.

    Attributes:
        cpu_s: User and system time of all its threads.
        rss_bytes: Memory now.
        peak_bytes: Memory at most.
    """

    cpu_s: float
    rss_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Tiers:
    """All tiers, ready."""

    agent: Agent
    gateway: Gateway
    prometheus: Prometheus
    programs: Mapping[str, Program]
    folder: Path

    def usage(self) -> dict[str, Usage]:
        """Name -> what each tier has used, the one that speaks for the ranks included."""
        pids = {name: program.pid for name, program in self.programs.items()}
        return {"ranks": read_usage(os.getpid()), **{name: read_usage(pid) for name, pid in pids.items()}}

    def target(self, name: str) -> dict[str, str]:
        """The variables that ranks have, to send to the agent, or as an agent does to the gateway."""
        if name == "agent":
            return dict(self.agent.variables)
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{self.gateway.grpc}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={quote(f'Bearer {TOKEN}')}",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(self.gateway.authority),
        }


@contextmanager
def tiers(folder: Path, variables: Mapping[str, str]) -> Iterator[Tiers]:
    """Prometheus, gateway and agent.

    Args:
        folder: Everything of them goes there.
        variables: Of agent and gateway, where they are not as by default.
    """
    store = prometheus_store(folder / "prometheus")
    store.program.command.extend(PROMETHEUS_FLAGS)
    front = gateway(folder / "gateway", {"MMLOG_PROMETHEUS_URL": store.prometheus.url, **variables})
    first = agent(folder / "agent", front, variables)
    programs = {"agent": first.program, "gateway": front.program, "prometheus": store.program}
    with running(*programs.values()):
        yield Tiers(first, front, store.prometheus, programs, folder)


def read_usage(pid: int) -> Usage:
    """What a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    sizes = {name: int(kib) * _KIB for name, kib in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)}
    return Usage((int(stat[11]) + int(stat[12])) / _TICKS, sizes["VmRSS"], sizes["VmHWM"])


def machine_busy_s() -> float:
    """The CPU time that all processes of this machine have used, others' too."""
    user, nice, system, _idle, _iowait, irq, softirq = map(
        int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def own_metrics(url: str) -> dict[str, float]:
    """The metrics of Prometheus itself, without labels or with them as they are written."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def size_bytes(folder: Path) -> int:
    """What the files in a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
