"""No interleaving of writing, reading and crashing loses a line, or sends more than one batch twice."""

import os
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from otel_mmlog.core.line_check import with_check
from otel_mmlog.otel.segment_writer import SegmentWriter
from otel_mmlog.sender.batches import Batch
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS, Signal
from tests.sender.reader_folders import (
    SECOND_NS,
    Clock,
    batches_of,
    drain,
    marks,
    names,
    request,
    sealed,
    writer,
)

MAX_BYTES = 1200
SPREAD_S = 120

signals = st.sampled_from(SIGNALS)


@dataclass
class Process:
    """A process that writes."""

    start: str
    name: str
    segment: SegmentWriter
    numbers: dict[Signal, int] = field(default_factory=lambda: dict.fromkeys(SIGNALS, 0))


class Delivery(RuleBasedStateMachine):
    """Processes write, rotate and die; a sender reads, acknowledges and crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="reader"))
        self.clock = Clock()
        self.processes: list[Process] = []
        self.count = 0
        self.families = 0
        self.sizes: dict[str, int] = {}
        self.written: set[str] = set()
        self.sent: set[str] = set()
        self.sent_twice_bytes: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self.crashes = 0
        self.outstanding: dict[Signal, Batch] = {}
        self.begin()

    def begin(self) -> None:
        """A new sender."""
        self.reader = JournalReader(
            self.folder, clock_ns=self.clock, max_bytes=MAX_BYTES, max_age_spread_s=SPREAD_S
        )
        assert self.reader.try_lock()
        self.outstanding.clear()
        self.last: dict[tuple[Signal, str], int] = defaultdict(lambda: -1)

    @initialize()
    def first_process(self) -> None:
        self.new_process(is_fork=False)

    @rule(is_fork=st.booleans())
    def new_process(self, *, is_fork: bool) -> None:
        self.families += not (is_fork and self.families)
        start = f"202601{self.families:02}T000000_000000"
        name = f"{self.count:08x}"
        self.count += 1
        self.processes.append(Process(start, name, writer(self.folder, start=start, process=name)))

    @rule(index=st.integers(0, 5), some=st.lists(signals, min_size=1, max_size=6), pad=st.integers(0, 900))
    def append(self, index: int, some: list[Signal], pad: int) -> None:
        if not self.processes:
            return
        process = self.processes[index % len(self.processes)]
        data = b""
        for signal in some:
            mark = f"{signal}:{process.name}:{process.numbers[signal]}"
            process.numbers[signal] += 1
            line = request(signal, mark, at_s=(self.clock.now_ns - Clock().now_ns) / SECOND_NS, pad_bytes=pad)
            self.sizes[mark] = len(line)
            data += line
        process.segment.write(data)
        self.written |= self.sizes.keys()

    @rule(index=st.integers(0, 5))
    def rotate(self, index: int) -> None:
        if self.processes:
            process = self.processes[index % len(self.processes)]
            process.segment.seal()
            number = int(process.segment.path.name.split(".")[1]) + 1
            process.segment = writer(self.folder, start=process.start, process=process.name, number=number)

    @rule(index=st.integers(0, 5), torn=st.integers(0, 60), seals=st.booleans())
    def die(self, index: int, torn: int, *, seals: bool) -> None:
        if self.processes:
            process = self.processes.pop(index % len(self.processes))
            process.segment.write(request("logs", "torn")[:torn])
            if seals:
                process.segment.seal()
            else:
                process.segment.forget()

    @rule(signal=signals)
    def send(self, signal: Signal) -> None:
        if signal in self.outstanding:
            return
        batch = self.reader.next_batch(signal)
        if batch is None:
            return
        self.outstanding[signal] = batch
        assert batch.items == len(batch.lines)
        assert batch.size_bytes == sum(map(len, batch.lines))
        assert len(batch.lines) == 1 or batch.size_bytes <= MAX_BYTES
        assert batch.newest_ns - batch.oldest_ns <= SPREAD_S * SECOND_NS
        for mark in marks(batch.lines):
            of_signal, process, number = mark.split(":")
            assert of_signal == signal
            assert self.last[signal, process] < int(number), "out of order, or twice in one life"
            self.last[signal, process] = int(number)
            if mark in self.sent:
                self.sent_twice_bytes[signal] += self.sizes[mark]
            self.sent.add(mark)
        largest = max(self.sizes.values())
        assert self.sent_twice_bytes[signal] <= self.crashes * max(MAX_BYTES, largest)

    @precondition(lambda self: self.outstanding)
    @rule(index=st.integers(0, 2))
    def acknowledge(self, index: int) -> None:
        batch = self.outstanding.pop(list(self.outstanding)[index % len(self.outstanding)])
        self.reader.acknowledge(batch)

    @rule(seconds=st.sampled_from([0.1, 0.6, 5, 200]))
    def wait(self, seconds: float) -> None:
        self.clock.go_on(seconds)

    @rule()
    def save(self) -> None:
        self.reader.save()

    @rule()
    def look(self) -> None:
        backlog = self.reader.backlog()
        assert backlog.total_bytes >= max(backlog.bytes.values())
        if self.reader.finished():
            assert not self.outstanding
            assert self.sent >= self.written

    @rule()
    def crash(self) -> None:
        os.close(self.reader._cursor._fd)
        self.crashes += 1
        self.begin()

    @rule()
    def end(self) -> None:
        self.reader.close()
        self.crashes += bool(self.outstanding)  # what was sent and not acknowledged comes again
        self.begin()

    def teardown(self) -> None:
        while self.processes:
            self.die(0, 0, seals=False)
        for found in drain(self.reader).values():
            self.sent |= set(found)
        assert self.reader.finished()
        self.reader.close()
        assert self.sent == self.written
        assert names(self.folder) == ["cursor"]
        shutil.rmtree(self.folder)


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_costs_the_lines_that_it_touches(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes overwritten anywhere in a segment cost no line but those they are in, and stop nothing."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    lines = [request(signal, f"{signal}{i}", pad_bytes=20) for i in range(5) for signal in SIGNALS]
    path = sealed(folder, *lines)
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    damage = data.draw(st.one_of(st.binary(min_size=1, max_size=300), st.just(b"\0" * 300), st.just(b"\n\n")))
    damage = damage[: len(content) - start]
    content[start : start + len(damage)] = damage
    path.write_bytes(content)
    reader = JournalReader(folder)
    assert reader.try_lock()
    sent = {line for signal in SIGNALS for batch in batches_of(reader, signal) for line in batch.lines}
    offset = len(content) - sum(map(len, lines))
    for line in lines:
        if offset + len(line) <= start or offset > start + len(damage):  # a damaged newline joins two lines
            assert line in sent
        offset += len(line)
    reader.close()
    assert names(folder) == ["cursor"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), change=st.integers(1, 255))
def test_a_byte_that_changed_costs_its_line_and_no_other_goes_out_changed(
    tmp_path: Path, place: int, change: int
) -> None:
    """With checks a line goes out as it was written or not at all; also the one behind a damaged newline does."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    lines = [request(signal, f"{signal}{i}", pad_bytes=20) for i in range(5) for signal in SIGNALS]
    path = sealed(folder, *map(with_check, lines))
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] ^= change
    path.write_bytes(content)
    reader = JournalReader(folder)
    assert reader.try_lock()
    sent = [line for signal in SIGNALS for batch in batches_of(reader, signal) for line in batch.lines]
    assert set(sent) <= set(lines)
    assert len(sent) == len(set(sent)) >= len(lines) - 1
    reader.close()
