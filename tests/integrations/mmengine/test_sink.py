"""What a buffer passes on, against what the sink gets without one."""

import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.integrations.mmengine.sink import Buffer, Sink, Span
from tests.integrations.mmengine.recording import Kept, Recording


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("mmengine", logging.DEBUG, "", 0, text, None, None)


def ticking() -> Callable[[], int]:
    return itertools.count(1).__next__


LINES = [line(f"line {number}") for number in range(3)]
ERROR = ValueError("of a test")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from("abc")),
        st.tuples(st.just("set"), st.integers(0, 9)),
        st.tuples(st.just("close"), st.sampled_from([None, ERROR])),
        st.tuples(st.just("write"), st.sampled_from(LINES)),
    ),
    max_size=30,
)


class Actor:
    """Does actions on a sink; spans close in the order opposite to that of their opening."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.open: list[Span] = []

    def do(self, action: str, argument: Any) -> None:
        if action == "open":
            self.open.append(self.sink.open_span(argument, {"at": "start", "name": argument}))
        elif action == "write":
            self.sink.write(argument, "event", {"of": argument.getMessage()})
        elif self.open and action == "set":
            self.open[-1].set({"value": argument})
        elif self.open:
            self.open.pop().close(argument)


@given(ACTIONS, ACTIONS)
def test_passed_on_late_is_as_if_passed_on_at_once(
    before: list[tuple[str, Any]], after: list[tuple[str, Any]]
) -> None:
    """Whatever was done before there was a sink arrives there with the same nesting, times and errors."""
    direct = Recording(ticking())
    actor = Actor(direct)
    for action in before + after:
        actor.do(*action)

    clock_ns = ticking()
    buffered = Recording(clock_ns)
    buffer = Buffer(clock_ns=clock_ns)
    actor = Actor(buffer)
    for action in before:
        actor.do(*action)
    buffer.connect(buffered, spans=True)
    for action in after:
        actor.do(*action)
    assert buffered.tree() == direct.tree()
    assert buffer.dropped == 0


@given(ACTIONS, st.integers(1, 6))
def test_never_keeps_more_than_its_capacity_and_what_is_open(
    actions: list[tuple[str, Any]], capacity: int
) -> None:
    """What is kept is bounded, and everything is either passed on or counted."""
    recording = Recording()
    buffer = Buffer(capacity)
    actor = Actor(buffer)
    for action in actions:
        actor.do(*action)
        assert len(buffer._waiting) <= capacity + len(actor.open)
    buffer.connect(recording, spans=True)
    produced = sum(action in ("open", "write") for action, _ in actions)
    assert len(recording.spans) + len(recording.written) + buffer.dropped == produced
    assert len(recording.spans) >= len(actor.open)


def test_record_is_the_same_object() -> None:
    """A log record arrives as the very object, so with the time that it was made at."""
    recording = Recording()
    buffer = Buffer()
    buffer.write(LINES[0])
    buffer.connect(recording, spans=True)
    assert recording.written == [(LINES[0], None, None)]
    assert recording.written[0][0] is LINES[0]


def test_a_kept_record_says_what_it_said() -> None:
    """The arguments of a log call are formatted at once: what changes later changes nothing."""
    changing = ["early"]
    record = logging.LogRecord("mmengine", logging.INFO, "", 0, "it is %s", (changing,), None)
    recording = Recording()
    buffer = Buffer()
    buffer.write(record)
    changing[0] = "late"
    buffer.connect(recording, spans=True)
    assert recording.written[0][0].getMessage() == "it is ['early']"
    assert recording.written[0][0].created == record.created


def test_open_span_becomes_an_open_span() -> None:
    """A span that is open at the connection has its first start, gets what follows inside, and ends when it ends."""
    recording = Recording(lambda: 99)
    buffer = Buffer(clock_ns=lambda: 7)
    outer = buffer.open_span("outer", {})
    outer.set({"early": 1})
    buffer.connect(recording, spans=True)
    outer.set({"late": 2})
    buffer.open_span("inner", {}).close()
    assert recording.spans[0].end_ns is None
    outer.close(ERROR)
    assert [(span.name, span.start_ns, span.end_ns) for span in recording.spans] == [
        ("outer", 7, 99),
        ("inner", 99, 99),
    ]
    assert recording.spans[0].attributes == {"early": 1, "late": 2}
    assert recording.spans[0].error is ERROR
    assert recording.spans[1].parent is recording.spans[0]


def test_given_times_are_kept() -> None:
    """A start and an end that the caller gives are passed on as they are."""
    recording = Recording()
    buffer = Buffer(clock_ns=lambda: 7)
    buffer.open_span("a", {}, start_ns=3).close(end_ns=4)
    buffer.connect(recording, spans=True)
    buffer.open_span("b", {}, start_ns=5).close(end_ns=6)
    assert [(span.start_ns, span.end_ns) for span in recording.spans] == [(3, 4), (5, 6)]


def test_the_oldest_is_left_out_first_but_no_open_span() -> None:
    """With no room left the latest stay, and the spans that they are in."""
    recording = Recording()
    buffer = Buffer(3)
    outer = buffer.open_span("outer", {})
    records = [line(str(number)) for number in range(5)]
    for record in records:
        buffer.write(record)
    buffer.connect(recording, spans=True)
    outer.close()
    assert recording.tree() == [
        ("outer", {}, recording.spans[0].start_ns, 0, None, [(r, None, None) for r in records[3:]])
    ]
    assert buffer.dropped == 3


def test_without_spans_the_lines_arrive() -> None:
    """Where spans are left out, those kept and those to come, the log records are all there."""
    recording = Recording()
    buffer = Buffer()
    before = buffer.open_span("before", {})
    buffer.write(LINES[0])
    buffer.connect(recording, spans=False)
    before.set({"a": 1})
    before.close()
    after = buffer.open_span("after", {})
    buffer.write(LINES[1])
    after.close()
    assert recording.tree() == [(LINES[0], None, None), (LINES[1], None, None)]


def test_after_disconnection_it_keeps_again() -> None:
    """Between two sinks operations wait; a span of the first ends there."""
    first, second = Recording(), Recording()
    buffer = Buffer()
    old = buffer.open_span("old", {})
    buffer.connect(first, spans=True)
    buffer.disconnect()
    buffer.write(LINES[0])
    old.close()
    assert first.spans[0].end_ns is not None
    assert first.written == []
    buffer.connect(second, spans=True)
    assert second.tree() == [(LINES[0], None, None)]


def test_other_threads_nest_among_themselves() -> None:
    """What another thread did is not put inside the span that the connecting thread is in."""
    recording = Recording()
    buffer = Buffer()
    mine = buffer.open_span("mine", {})

    def in_thread() -> None:
        theirs = buffer.open_span("theirs", {})
        buffer.open_span("inside theirs", {}).close()
        theirs.close()

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join(10)
    buffer.write(LINES[0])
    buffer.connect(recording, spans=True)
    mine.close()
    assert [(span.name, span.parent and span.parent.name) for span in recording.spans] == [
        ("mine", None),
        ("theirs", None),
        ("inside theirs", "theirs"),
    ]
    assert recording.spans[0].inside == [(LINES[0], None, None)]


class FailsOnce(Recording):
    """Fails on the first record."""

    failed = False

    def write(self, record: logging.LogRecord, *rest: Any, **more: Any) -> None:
        if not self.failed:
            self.failed = True
            raise OSError
        super().write(record, *rest, **more)


def test_fault_of_the_sink_costs_one() -> None:
    """A record that the sink fails on is counted; the others arrive."""
    recording = FailsOnce()
    buffer = Buffer()
    for record in LINES:
        buffer.write(record)
    buffer.connect(recording, spans=True)
    assert [record for record, _, _ in recording.written] == LINES[1:]
    assert buffer.dropped == 1


class Answering(Recording):
    """Says something for each record that it gets, to the buffer."""

    def __init__(self, buffer: Buffer) -> None:
        super().__init__()
        self.buffer = buffer

    def write(self, record: logging.LogRecord, *rest: Any, **more: Any) -> None:
        super().write(record, *rest, **more)
        if record is not LINES[2]:
            self.buffer.write(LINES[2])


def test_what_comes_while_it_connects_waits_for_its_turn() -> None:
    """A record that is written in the middle of the connection arrives after those that waited."""
    buffer = Buffer()
    sink = Answering(buffer)
    buffer.write(LINES[0])
    buffer.write(LINES[1])
    buffer.connect(sink, spans=True)
    assert [record for record, _, _ in sink.written] == [*LINES[:2], LINES[2], LINES[2]]


@pytest.mark.parametrize("connected", [False, True])
def test_second_close_does_nothing(connected: bool) -> None:
    """A span ends once, with what it was closed with first."""
    recording = Recording()
    buffer = Buffer()
    span = buffer.open_span("a", {})
    if connected:
        buffer.connect(recording, spans=True)
    span.close(end_ns=1)
    span.close(ERROR, end_ns=2)
    if not connected:
        buffer.connect(recording, spans=True)
    (kept,) = recording.spans
    assert isinstance(kept, Kept)
    assert (kept.end_ns, kept.error) == (1, None)
