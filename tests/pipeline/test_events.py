"""From a log record to the event that every output renders."""

import logging
import logging.handlers
import queue
from typing import Any

import structlog

from otel_mmlog.pipeline.events import exception_info, from_stdlib, to_log_event
from otel_mmlog.pipeline.jsonl import JSONRenderer
from otel_mmlog.pipeline.text import TextRenderer
from tests.journals import strict_json
from tests.pipeline.log_events import TIME_NS, Unprintable, log_event, log_record, raised


class Keep(logging.handlers.QueueHandler):
    """Keeps log records as they are."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


def test_stdlib_arguments_are_formatted() -> None:
    """``%`` arguments go into the body."""
    record = logging.LogRecord("a", logging.INFO, "p", 1, "%s of %d", ("one", 2), None)
    assert to_log_event(from_stdlib(record)).body == "one of 2"


def test_wrong_arguments_do_not_lose_the_event() -> None:
    """A format that does not fit its arguments leaves the text and says why."""
    record = logging.LogRecord("a", logging.INFO, "p", 1, "%d items", ("many",), None)
    body = to_log_event(from_stdlib(record)).body
    assert body.startswith("%d items (could not be formatted: TypeError")


def test_unprintable_message_and_exception() -> None:
    """A message, or an exception, whose ``str`` raises still leaves an event."""
    record = logging.LogRecord("a", logging.INFO, "p", 1, Unprintable(), None, None)
    assert "unprintable" in to_log_event(from_stdlib(record)).body

    class SilentError(Exception):
        __str__ = Unprintable.__str__

    info = exception_info(SilentError())
    assert info is not None
    assert info.type.endswith("SilentError")
    assert info.message == "<unprintable message: RuntimeError>"


def test_extra_values_are_attributes() -> None:
    """``extra`` of a stdlib call is kept; a name that the pipeline writes itself gets an underscore."""
    record = logging.makeLogRecord({"name": "a", "msg": "m", "levelno": 20, "levelname": "INFO"})
    vars(record).update(job=7, event="e", level="info", logger="b", _private=1)
    event = to_log_event(from_stdlib(record))
    assert event.body == "m"
    assert event.attributes == {"job": 7, "event_": "e", "logger_": "b"}


def test_event_dicts_of_the_users_structlog() -> None:
    """A chain that ends in ``wrap_for_formatter`` or ``render_to_log_kwargs`` brings its values along."""
    seen: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logger = logging.Logger("theirs")
    logger.addHandler(Keep(seen))
    ends: list[Any] = [
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        structlog.stdlib.render_to_log_kwargs,
    ]
    for end in ends:
        chain = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, end]
        structlog.wrap_logger(logger, processors=chain, wrapper_class=structlog.stdlib.BoundLogger).warning(
            "100% saved", path="a.pt"
        )
    assert seen.qsize() == 2
    for event in (to_log_event(from_stdlib(seen.get())) for _ in ends):
        assert (event.body, event.attributes) == ("100% saved", {"path": "a.pt"})
        assert (event.logger, event.level) == ("theirs", logging.WARNING)


def test_stack_of_a_stdlib_call() -> None:
    """``stack_info=True`` gives continuation lines in text, and ``code.stacktrace`` in JSON."""
    record = log_record("here")
    record.stack_info = 'Stack (most recent call last):\n  File "a.py", line 1'
    event = to_log_event(from_stdlib(record))
    head, *stack = TextRenderer().render(event).split("\n")
    assert head.endswith(" - here")
    assert stack == ["    | Stack (most recent call last):", '    |   File "a.py", line 1']
    line = strict_json(JSONRenderer(rank=0, run_id="r", attempt=0).render(event))
    assert line["code.stacktrace"] == record.stack_info


def test_time_is_exact_to_the_microsecond() -> None:
    """The event's time is the record's."""
    assert abs(log_event().time_ns - TIME_NS) < 1000


def test_exception_types_are_qualified() -> None:
    """Built-in exceptions have their bare name, others their module's."""
    info = exception_info(raised())
    assert info is not None
    assert info.type == "ValueError"
    own = exception_info(KeyError("k"))
    assert own is not None
    assert own.message == "'k'"
    assert exception_info(None) is None
    assert exception_info((None, None, None)) is None


def test_renderers_end_a_plain_structlog_chain() -> None:
    """Both public renderers work in a user's own chain, where there is no stdlib record."""
    event_dict: dict[str, Any] = {"event": "saved", "level": "warning", "logger": "mine", "path": "a.pt"}
    text = TextRenderer()(None, "warning", dict(event_dict))
    assert text.endswith(" - mine - WARNING - saved  path=a.pt")
    line = strict_json(JSONRenderer(rank=0, run_id="r", attempt=0)(None, "warning", dict(event_dict)))
    assert (line["level"], line["logger"], line["path"]) == ("WARNING", "mine", "a.pt")
    bare = TextRenderer()(None, "error", {"event": "bad", "exc_info": raised()})
    assert " - ERROR - bad\n    | Traceback" in bare


def test_renderers_end_a_stdlib_chain() -> None:
    """Beneath structlog's ``ProcessorFormatter`` the stdlib record is read."""
    event_dict: dict[str, Any] = {"event": "saved", "_record": log_record("x", logging.ERROR)}
    assert TextRenderer()(None, "error", event_dict).endswith(" - mmengine - ERROR - saved")
