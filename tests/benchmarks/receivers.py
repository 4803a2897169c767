"""Receivers in processes of their own, so that what they cost is not counted."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.end_to_end.servers import free_port, otelcol

_ROOT = Path(__file__).parents[2]
_CONFIG = _ROOT / "collector-config" / "local.yaml"
_FAKE = """
import sys, time
from otel_mmlog.testing import FakeReceiver, Reply
arrivals = []
def answer(request):
    arrivals.append((time.time_ns(), request))
    return Reply(delay_s=float(sys.argv[1]))
with FakeReceiver() as receiver:
    receiver.answer_by(answer)
    print(receiver.http_endpoint, receiver.grpc_endpoint, flush=True)
    sys.stdin.read()
    for now_ns, request in arrivals:
        for group in request.message.resource_logs if request.signal == "logs" else ():
            for record in (record for scope in group.scope_logs for record in scope.log_records):
                if record.body.string_value == "ping":
                    print((now_ns - record.time_unix_nano) / 1e9)
"""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A server that is ready: who it is, and where it listens."""

    name: str
    http: str
    grpc: str

    def endpoint(self, protocol: str) -> str:
        """Where a protocol is served."""
        return self.grpc if protocol == "grpc" else self.http


@contextmanager
def real_or_fake(folder: Path) -> Iterator[Receiver]:
    """A Collector where ``otelcol`` is on PATH, else a fake receiver."""
    if shutil.which("otelcol") is None:
        with fake() as receiver:
            yield receiver
        return
    grpc, http = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with otelcol(_CONFIG, folder, {"MMLOG_COLLECTOR_GRPC": grpc, "MMLOG_COLLECTOR_HTTP": http}):
        yield Receiver("otelcol", f"http://{http}", f"http://{grpc}")


@contextmanager
def fake(*, delay_s: float = 0.0, latencies_s: list[float] | None = None) -> Iterator[Receiver]:
    """A fake receiver.

    Args:
        delay_s: What it takes to answer.
        latencies_s: At the end, gets the seconds from each log call of the text ``ping`` to its arrival.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _FAKE, str(delay_s)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Receiver("fake receiver", *_output(process).readline().split())
        printed, _ = process.communicate(timeout=60)
        if latencies_s is not None:
            latencies_s += map(float, printed.split())
    finally:
        process.kill()
        process.communicate()


def _output(process: "subprocess.Popen[str]") -> IO[str]:
    if process.stdout is None:
        raise RuntimeError("the receiver was started without a pipe")
    return process.stdout
