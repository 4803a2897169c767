"""Journals of a real run, to be damaged, and what a reader makes of them afterwards."""

import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS
from tests.faults.training import started

SEGMENT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Subject:
    """A segment that is to be damaged.

    Attributes:
        name: Of its file.
        data: What is in it, whole.
    """

    name: str
    data: bytes

    @cached_property
    def lines(self) -> Mapping[int, bytes]:
        """Its lines that have items, without their checks, by where they begin: told by their JSON alone."""
        found, start = {}, 0
        for line in self.data.splitlines(keepends=True):
            if b"TimeUnixNano" in line or b"timeUnixNano" in line:
                found[start] = line.rstrip(b" \t\n") + b"\n"
            start += len(line)
        return found

    @cached_property
    def ends(self) -> Mapping[int, int]:
        """The offset behind each of these lines, newline included."""
        return {start: self.data.index(b"\n", start) + 1 for start in self.lines}

    def untouched(self, first: int, last: int) -> set[bytes]:
        """The lines of which no byte from one offset up to, but without, another is."""
        return {line for start, line in self.lines.items() if self.ends[start] <= first or start >= last}


def make_subject(folder: Path) -> Subject:
    """A segment of about `SEGMENT_BYTES` that a training process has written."""
    with started(folder) as training:
        while not training.journals or training.journals[0].stat().st_size < SEGMENT_BYTES:
            training.train(100)
        training.close()
    (path,) = training.journals
    data = path.read_bytes()
    return Subject(path.name, data[: data.index(b"\n", SEGMENT_BYTES) + 1])


@contextmanager
def fast_folder(folder: Path) -> Iterator[Path]:
    """A folder in memory where there is one, for thousands of files that soon go again; else a given one."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else folder
    with tempfile.TemporaryDirectory(prefix="damage", dir=place) as name:
        yield Path(name)


def changed(byte: int, moments: random.Random) -> int:
    """Another byte; one that leaves JSON as valid as it was, where there is such a one."""
    for kind in (b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b" \t"):
        if byte in kind:
            return moments.choice([other for other in kind if other != byte])
    return byte ^ moments.randrange(1, 256)


def deliver(folder: Path) -> list[bytes]:
    """The lines that a sender would send now, all of them acknowledged; each as often as it comes."""
    reader = JournalReader(folder)
    assert reader.try_lock()
    sent: list[bytes] = []
    for signal in SIGNALS:
        while (batch := reader.next_batch(signal)) is not None:
            sent += batch.lines
            reader.acknowledge(batch)
    reader.close()
    return sent


def wrong_delivery(subject: Subject, sent: Sequence[bytes], untouched: set[bytes], what: str) -> list[str]:
    """What is wrong with what was sent of a damaged segment."""
    original = set(subject.lines.values())
    missing, others = untouched - set(sent), [line for line in sent if line not in original]
    wrong = [f"{what}: {len(missing)} lines that were not touched are lost"] if missing else []
    wrong += [f"{what}: sent as {line[:200]!r}" for line in others[:1]]
    return wrong + ([f"{what}: lines were sent twice"] if len(set(sent)) < len(sent) else [])
