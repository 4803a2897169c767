"""A training process's journal, its sender as a real child process, and a receiver."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.sender.process import SenderProcess
from otel_mmlog.testing import FakeReceiver
from tests.otel.telemetry import make_encoder, make_event, make_record

UNUSED_PORT = "http://127.0.0.1:9"


def endpoint_environment(endpoint: str, **more: str) -> dict[str, str]:
    """The test's own environment, with an endpoint and other OTLP variables."""
    return {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        **{f"OTEL_EXPORTER_OTLP_{name}": value for name, value in more.items()},
    }


class Rig:
    """A journal and its sender.

    Attributes:
        faults: What the sender told its parent.
        logged: The bodies of all log calls.
    """

    def __init__(
        self, folder: Path, endpoint: str, environ: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.folder = folder / "otlp" / "rank0000"
        self.journal = Journal(self.folder, settings=JournalSettings(segment_bytes=200_000))
        self.faults: list[str] = []
        self.logged: list[str] = []
        self.sender = SenderProcess(
            self.folder,
            endpoint_environment(endpoint) if environ is None else environ,
            **{"on_fault": self.faults.append, "gather_s": 0.1, "linger_s": 5.0, **options},
        )
        self._encoder = make_encoder(clock_ns=time.time_ns)

    def log(self, body: str) -> None:
        """Append a log record, as a training process does, and poke."""
        self.logged.append(body)
        self.journal.append(self._encoder.log_line(make_event(body=body, time_ns=time.time_ns())))
        self.sender.poke()

    def log_many(self, count: int, start: int = 0) -> None:
        for number in range(start, start + count):
            self.log(f"line {number}")

    def point(self, value: float) -> None:
        """Append a data point and poke."""
        self.journal.append(*self._encoder.metrics_lines(make_record({"loss": value})))
        self.sender.poke()

    def segments(self) -> list[str]:
        """The names of the segments that are there."""
        return sorted(path.name for path in self.folder.glob("*.jsonl*") if "quarantine" not in path.name)

    def words(self) -> str:
        """What the child said."""
        path = self.folder / "sender.log"
        return path.read_text() if path.exists() else ""


@contextmanager
def started(folder: Path, endpoint: str, **options: Any) -> Iterator[Rig]:
    """A rig whose sender runs; at the end it is killed if it still does."""
    rig = Rig(folder, endpoint, **options)
    rig.sender.start()
    pid = rig.sender.pid
    try:
        yield rig
    finally:
        rig.journal.close()
        pids = {pid, rig.sender.pid} - {None}
        rig.sender.close(0)
        for each in pids:
            end(each)


def end(pid: int | None) -> None:
    """Kill a sender that a test started, if it still runs."""
    if pid is not None and is_sender(pid):
        os.kill(pid, 9)
        until(lambda: not is_sender(pid))


def is_sender(pid: int) -> bool:
    """Whether a process is a sender that runs."""
    try:
        return b"otel_mmlog.sender.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def until(is_met: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for something; fails if it does not come."""
    deadline_s = time.monotonic() + timeout_s
    while not is_met():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


def bodies(receiver: FakeReceiver) -> list[str]:
    """The bodies of the log records that the receiver took, in order."""
    return [str(log.body) for log in receiver.logs()]
