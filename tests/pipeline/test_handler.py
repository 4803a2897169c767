"""The handler: every output once, in order, whatever one of them does."""

import itertools
import logging
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog import DropEvent

from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.pipeline.chain import Processor
from otel_mmlog.pipeline.handler import QUIET_S, RunHandler
from otel_mmlog.pipeline.line_file import LineFile
from otel_mmlog.pipeline.logger import RunLogger
from otel_mmlog.pipeline.outputs import FileOutput
from tests.journals import text_lines
from tests.pipeline.log_events import Unprintable, log_record


class Memory:
    """An output that keeps events, and fails while ``failing`` is set."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name = name
        self.events: list[LogEvent] = []
        self.failing = False
        self.closed = False
        self._order = order

    def write(self, event: LogEvent) -> None:
        """Keep an event."""
        self._order.append(self.name)
        if self.failing:
            raise OSError(28, "No space left on device")
        self.events.append(event)

    def close(self) -> None:
        """Note it."""
        self.closed = True

    @property
    def bodies(self) -> list[str]:
        """The texts of the events."""
        return [event.body for event in self.events]


class Outputs:
    """A handler over two outputs in memory."""

    def __init__(self, *processors: Processor, level: int = logging.DEBUG) -> None:
        self.order: list[str] = []
        self.now_s = 0.0
        self.first, self.second = Memory("first", self.order), Memory("second", self.order)
        self.handler = RunHandler(
            level=level,
            outputs=[self.first, self.second],
            processors=processors,
            next_seq=itertools.count().__next__,
            current_trace=lambda: None,
            clock=lambda: self.now_s,
        )


def test_outputs_in_order_with_one_number_an_event() -> None:
    """The first output has an event before the second, and both have the same number."""
    outputs = Outputs()
    for message in ("a", "b"):
        outputs.handler.handle(log_record(message))
    assert outputs.order == ["first", "second"] * 2
    assert [event.seq for event in outputs.first.events] == [0, 1]
    assert outputs.first.events == outputs.second.events


def test_record_that_comes_twice_is_written_once() -> None:
    """A record that passes the run's own logger and the root logger is one event."""
    outputs = Outputs()
    record = log_record("a")
    assert outputs.handler.handle(record)
    assert not outputs.handler.handle(record)
    assert outputs.first.bodies == ["a"]


def test_failing_output_costs_the_others_nothing() -> None:
    """Faults are counted; the first of an episode is told to the others, and again after a while without."""
    outputs = Outputs()
    outputs.first.failing = True
    for message in ("a", "b"):
        outputs.handler.handle(log_record(message))
    told = "first failed (OSError: [Errno 28] No space left on device); training goes on"
    assert outputs.second.bodies == ["a", told, "b"]
    assert outputs.handler.faults == {"first: OSError": 3}
    for later_s in (QUIET_S - 1, QUIET_S):  # on a full disk a short line may fit in between
        outputs.first.failing = False
        outputs.now_s += later_s
        outputs.handler.handle(log_record("c"))
        outputs.first.failing = True
        outputs.handler.handle(log_record("d"))
    assert outputs.second.bodies == ["a", told, "b", "c", "d", "c", "d", told]


def test_processors_change_and_drop() -> None:
    """A processor sees every event; what it returns is written, and DropEvent drops without a gap in numbers."""

    def redact(_logger: Any, _name: str, event: Any) -> Any:
        if event["event"] == "secret":
            raise DropEvent
        return {**event, "event": event["event"].upper(), "more": 1}

    outputs = Outputs(redact)
    for message in ("a", "secret", "b"):
        outputs.handler.handle(log_record(message))
    assert [(event.body, event.seq) for event in outputs.first.events] == [("A", 0), ("B", 1)]
    assert outputs.first.events[0].attributes == {"more": 1}
    assert not outputs.handler.faults


def test_processors_get_the_real_logger() -> None:
    """A processor gets the logger of the event, as structlog's own processors for the stdlib expect."""
    seen: list[tuple[object, str]] = []

    def process(logger: Any, name: str, event: Any) -> Any:
        seen.append((logger, name))
        return structlog.stdlib.filter_by_level(logger, name, event)

    outputs = Outputs(process)
    own = RunLogger("mmengine", logging.INFO, outputs.handler, prints=False)
    other = logging.getLogger("some.library")
    own.warning("mine")
    outputs.handler.handle(log_record("theirs", logging.ERROR, logger="some.library"))
    assert seen == [(own, "warning"), (other, "error")]
    assert outputs.first.bodies == ["mine", "theirs"]
    assert not outputs.handler.faults


@pytest.mark.parametrize("returned", [None, "text", 7, KeyError("x")])
def test_broken_processor_costs_no_event(returned: Any) -> None:
    """One that raises or returns no mapping is counted and told once; events go on as they were before it."""

    def broken(_logger: Any, _name: str, event: Any) -> Any:
        event.clear()
        if isinstance(returned, Exception):
            raise returned
        return returned

    def upper(_logger: Any, _name: str, event: Any) -> Any:
        if event["logger"] == "otel_mmlog":
            raise DropEvent  # what is told about a processor cannot be dropped by one
        return {**event, "event": event["event"].upper()}

    outputs = Outputs(broken, upper)
    for message in ("a", "b"):
        outputs.handler.handle(log_record(message))
    first, told, second = outputs.first.bodies
    assert (first, second) == ("A", "B")
    assert told.startswith("the processor test_broken_processor_costs_no_event.<locals>.broken failed (")
    assert sum(outputs.handler.faults.values()) == 2


def test_processor_that_keeps_a_few_keys_only() -> None:
    """A processor may drop keys: what makes a training record one is kept all the same."""

    def keep(_logger: Any, _name: str, event: Any) -> Any:
        return {"event": event["event"]}

    outputs = Outputs(keep)
    record = log_record("line")
    progress = Progress("train", by_epoch=True, epoch=1, iter=10, batch_idx=9)
    record._mmlog_event = {
        "_mmlog_record": Record("iter", progress, {"loss": 1.0}, {}, "line", 1),
        "more": 1,
    }
    outputs.handler.handle(record)
    (event,) = outputs.first.events
    assert event.record is not None
    assert event.record.tags == {"loss": 1.0}
    assert not event.attributes


def test_error_without_a_text() -> None:
    """An exception whose ``str`` raises is told like any other, and never raises into training."""

    class SilentError(Exception):
        __str__ = Unprintable.__str__

    def process(_logger: Any, _name: str, _event: Any) -> Any:
        raise SilentError

    outputs = Outputs(process)
    outputs.handler.handle(log_record("a"))
    assert outputs.first.bodies[0] == "a"
    assert "failed (SilentError: <unprintable" in outputs.first.bodies[1]


def test_handled_record_can_be_pickled() -> None:
    """A record that was handled goes through a queue to another process, and is not written again."""
    outputs = Outputs()
    record = log_record("a")
    outputs.handler.handle(record)
    assert not outputs.handler.handle(pickle.loads(pickle.dumps(record)))
    assert Outputs().handler.handle(record)


def test_level() -> None:
    """Events are counted by level; closed outputs get nothing more."""
    outputs = Outputs()
    outputs.handler.handle(log_record("a", logging.ERROR))
    outputs.handler.drop_outputs()
    outputs.handler.handle(log_record("b"))
    assert outputs.handler.counts[logging.ERROR] == 1
    assert outputs.first.bodies == ["a"]
    assert outputs.first.closed
    assert outputs.second.closed


def test_threads_write_whole_events(tmp_path: Path) -> None:
    """Events of several threads never mix, and each has a number of its own."""
    outputs = Outputs()
    file = LineFile(tmp_path / "a.log")
    outputs.handler._outputs.append(FileOutput("file", file, lambda event: event.body, once=False))

    def write(name: str) -> None:
        for _ in range(100):
            outputs.handler.handle(log_record(name * 500))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outputs.handler.drop_outputs()
    assert sorted(text_lines(file.path)) == [name * 500 for name in "abcd" for _ in range(100)]
    assert [event.seq for event in outputs.first.events] == list(range(400))


def test_warning_of_the_package_follows_the_event() -> None:
    """What an output tells while it writes comes after the event, not in its middle."""
    outputs = Outputs()

    class Teller(Memory):
        def write(self, event: LogEvent) -> None:
            super().write(event)
            if event.body == "a":
                outputs.handler.tell("something about a")

    teller = Teller("teller", outputs.order)
    handler = RunHandler(
        level=0,
        outputs=[teller, outputs.second],
        processors=(),
        next_seq=itertools.count().__next__,
        current_trace=lambda: None,
    )
    outputs.handler = handler
    handler.handle(log_record("a"))
    assert outputs.second.bodies == ["a", "something about a"]
    assert outputs.second.events[1].level == logging.WARNING


def test_record_is_the_same_event_either_way() -> None:
    """A record's line is what it is as a log record that carries it."""
    progress = Progress(mode="train", by_epoch=True, epoch=1, iter=1, batch_idx=0)
    record = Record("iter", progress, {"loss": 0.5}, {}, "a line", time_ns=5)
    carrier = log_record("a line", logger="mmengine")
    carrier._mmlog_event = {"_mmlog_record": record, "_mmlog_event_name": "mmlog.train.iter"}
    outputs, others = Outputs(), Outputs()
    outputs.handler.write_record(record, "mmlog.train.iter", "mmengine")
    others.handler.handle(carrier)
    assert outputs.first.events == outputs.second.events == others.first.events
    assert outputs.handler.counts == others.handler.counts


def test_failing_output_costs_a_record_nothing_else() -> None:
    """As for a log record: the other output has it, and one warning tells."""
    progress = Progress(mode="train", by_epoch=True, epoch=1, iter=1, batch_idx=0)
    outputs = Outputs()
    outputs.first.failing = True
    outputs.handler.write_record(
        Record("iter", progress, {}, {}, "a line", time_ns=5), "mmlog.train.iter", "a"
    )
    assert outputs.second.bodies[0] == "a line"
    assert "first failed" in outputs.second.bodies[1]


def test_others_that_want_log_records_are_noticed() -> None:
    """A logger is its handler's alone until somebody else has a processor, a filter or a handler there."""
    logger = RunLogger("mmengine", logging.INFO, Outputs().handler, prints=False)
    root = logging.getLogger()
    before, root.handlers = root.handlers, [*logger.handlers]
    try:
        assert logger.has_only_own()
        root.handlers = [logging.NullHandler()]
        assert not logger.has_only_own()
        root.handlers = []
        logger.addFilter(lambda _record: True)
        assert not logger.has_only_own()
        processed = Outputs(lambda _logger, _name, event_dict: event_dict).handler
        assert not RunLogger("mmengine", logging.INFO, processed, prints=False).has_only_own()
    finally:
        root.handlers = before
