"""Speaks for ranks at their pace, over the transport that their senders have."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.transport import make_transports
from tests.benchmarks.fleet_ranks import SpeakingRank

THREADS = 6
"""They wait for answers most of the time."""
_RETRY_S = 0.5


@dataclass(slots=True)
class Spoken:
    """What came of it.

    Attributes:
        points: That were acknowledged.
        requests: That were acknowledged.
        refused: Requests that were answered with "later", and sent again.
        bytes_json: The requests before compression.
        late_s: How far behind its time the last request was, at worst of all threads.
        wall_s: From the first request to the last answer.
    """

    points: int = 0
    requests: int = 0
    refused: int = 0
    bytes_json: int = 0
    late_s: float = 0.0
    wall_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, points: int, size_bytes: int, refused: int) -> None:
        """Count one request."""
        with self._lock:
            self.points += points
            self.requests += 1
            self.refused += refused
            self.bytes_json += size_bytes

    def note_late(self, late_s: float) -> None:
        """Keep the latest of all threads."""
        with self._lock:
            self.late_s = max(self.late_s, late_s)


@dataclass(frozen=True, slots=True)
class Pace:
    """When which request is due.

    Attributes:
        intervals: How often each rank speaks.
        interval_s: From one time to the next; the requests of all ranks are spread evenly over it.
        first: The number of the first interval.
    """

    intervals: int
    interval_s: float
    first: int = 0


def speak(groups: Sequence[Sequence[SpeakingRank]], environ: Mapping[str, str], pace: Pace) -> Spoken:
    """Send a request for each group of ranks at each interval, and wait for all answers.

    Args:
        groups: The ranks of which one request tells.
        environ: ``OTEL_EXPORTER_OTLP_*``: where to, and how.
        pace: When.

    Raises:
        RuntimeError: A request was refused for good.
    """
    spoken = Spoken()
    began_s = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        parts = [range(number, len(groups), THREADS) for number in range(THREADS)]
        waiting = [pool.submit(_speak, groups, part, environ, pace, spoken) for part in parts]
        for each in waiting:
            each.result()
    spoken.wall_s = time.monotonic() - began_s
    return spoken


def _speak(
    groups: Sequence[Sequence[SpeakingRank]],
    part: Iterable[int],
    environ: Mapping[str, str],
    pace: Pace,
    spoken: Spoken,
) -> None:
    endpoints = read_endpoints(environ)
    if endpoints is None:
        raise ValueError("the variables name no endpoint")
    transport = make_transports(endpoints)["metrics"]
    began_s = time.monotonic()
    late_s = 0.0
    for interval in range(pace.intervals):
        for number in part:
            due_s = began_s + (interval + number / len(groups)) * pace.interval_s
            late_s = time.monotonic() - due_s
            time.sleep(max(-late_s, 0.0))
            now_ns = time.time_ns()
            lines = [line for rank in groups[number] for line in rank.lines(pace.first + interval, now_ns)]
            refused = 0
            while (answer := transport.send("metrics", [line.data for line in lines])).kind == "retry":
                refused += 1
                time.sleep(answer.retry_after_s or _RETRY_S)
            if answer.kind != "delivered" or answer.rejected:
                raise RuntimeError(f"a request was answered with {answer.kind}: {answer.detail}")
            spoken.add(sum(line.items for line in lines), sum(len(line.data) for line in lines), refused)
    spoken.note_late(late_s)
    transport.close()
