"""Log events for tests, made as a log call makes them."""

import logging
from typing import Any, NoReturn

from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import LogEvent, Record
from otel_mmlog.pipeline.events import from_stdlib, to_log_event

TIME_NS = 1_724_203_121_123_456_789
"""2024-08-21 01:18:41 UTC."""


def log_record(
    message: object = "hello", level: int = logging.INFO, *, logger: str = "mmengine", exc_info: Any = None
) -> logging.LogRecord:
    """A log record at `TIME_NS`."""
    record = logging.LogRecord(logger, level, "/src/train.py", 12, message, None, exc_info, "main")
    record.created = TIME_NS / 1e9
    return record


def log_event(
    message: object = "hello",
    level: int = logging.INFO,
    *,
    logger: str = "mmengine",
    error: BaseException | None = None,
    **bound: Any,
) -> LogEvent:
    """The event of a log call with these values bound to it."""
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    record = log_record(message, level, logger=logger, exc_info=exc_info)
    if bound:
        record._mmlog_event = bound
    return to_log_event(from_stdlib(record))


def record_event(text: str = "Epoch(train) [1][10/25]  loss: 1.0", **tags: Any) -> LogEvent:
    """The event of a training record."""
    progress = Progress("train", by_epoch=True, epoch=1, iter=10, batch_idx=9)
    record = Record("iter", progress, tags, {}, text, TIME_NS)
    stdlib = log_record(text)
    stdlib._mmlog_event = {"_mmlog_record": record, "_mmlog_event_name": "mmlog.train.iter"}
    return to_log_event(from_stdlib(stdlib))


def raised(message: str = "boom") -> ValueError:
    """A ValueError that was raised here, with its traceback."""
    try:
        _fail(message)
    except ValueError as error:
        return error


def _fail(message: str) -> NoReturn:
    raise ValueError(message)


class Unprintable:
    """A value whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__
