"""Sends what a run tells of itself: records, its settings, exceptions and spans."""

import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from otel_mmlog.compose import Parts
from otel_mmlog.core.masking import masked
from otel_mmlog.core.rank import Rank
from otel_mmlog.core.record import Record
from otel_mmlog.otel.semconv import (
    EVENT_EXCEPTION,
    EVENT_RUN_CONFIG,
    EVENT_RUN_END,
    EVENT_RUN_START,
    EVENT_SCALARS,
    record_event,
)
from otel_mmlog.pipeline.events import BARE, EVENT_DICT, EVENT_NAME, RECORD
from otel_mmlog.pipeline.plain import plain, to_json


class RunEvents:
    """The events of one run, on their way to its files, its journal and other handlers.

    Args:
        parts: What the run is made of.

    Attributes:
        records: How many records were sent.
    """

    def __init__(self, parts: Parts) -> None:
        self.records = 0
        self._parts = parts
        self._sent_config = to_json({})

    def send_record(self, record: Record) -> None:
        """Send a record: text, JSON and journal, or its points alone where the level hides the line."""
        self._count(record)
        logger = self._parts.logger
        event_name = record_event(record.progress.mode, record.kind)
        if not logger.isEnabledFor(logging.INFO):
            self._parts.journal_output.write_points(record)
        elif logger.has_only_own():  # nobody would see a log record
            self._parts.handler.write_record(record, event_name, logger.name)
        else:
            self.send(logging.INFO, record.text, {RECORD: record, EVENT_NAME: event_name})
        self._tell_health(record)

    def send_line(self, line: logging.LogRecord, record: Record) -> None:
        """Send a record whose line somebody else has logged: that very log record."""
        self._count(record)
        handler = self._parts.handler
        event_name = record_event(record.progress.mode, record.kind)
        if handler.has_processors:
            setattr(line, EVENT_DICT, {RECORD: record, EVENT_NAME: event_name})
            handler.handle(line)
        else:
            handler.write_record(record, event_name, line.name)
        self._tell_health(record)

    def send_points(self, record: Record) -> None:
        """Send the points of a record whose line nobody logged."""
        self._count(record)
        self._parts.journal_output.write_points(record)

    def send_scalars(self, scalars: Mapping[str, Any], step: int | None, points: Record) -> None:
        """Send scalars that user code has a step of its own for.

        Args:
            scalars: Name -> value.
            step: The caller's, or None; part of the event, never of a metric.
            points: The same scalars as a record, where the run stands.
        """
        self._parts.journal_output.write_points(points)
        shown = "  ".join(f"{name}: {value}" for name, value in scalars.items())
        self.send(logging.INFO, shown, {**scalars, "step": step, EVENT_NAME: EVENT_SCALARS, BARE: True})

    def send_start(self, line: str, rank: Rank) -> None:
        """Send the first line of a run, with its place in the job."""
        event = {EVENT_NAME: EVENT_RUN_START, BARE: True, "world_size": rank.world_size, "host": rank.host}
        self.send(logging.INFO, line, event)

    def send_end(self, lines: Sequence[str], error: BaseException | None) -> None:
        """Send the last lines of a run; the first of them tells what became of it.

        Args:
            lines: What it wrote, and where.
            error: What ended it, or None.
        """
        first, *others = lines
        status = "finished" if error is None else "failed"
        self.send(logging.INFO, first, {EVENT_NAME: EVENT_RUN_END, BARE: True, "status": status})
        for line in others:
            self.send(logging.INFO, line, {BARE: True})

    def send_config(self, config: Mapping[str, Any], *, bare: bool = False) -> None:
        """Send the run's settings, secrets masked, as an event, where they changed since the last time.

        Args:
            config: Name -> value.
            bare: Whether text leaves them out.
        """
        if not config:
            return
        shown = masked(config)
        rendered = to_json({"config": plain(shown)})
        if rendered != self._sent_config:
            self._sent_config = rendered
            event = {"config": shown, EVENT_NAME: EVENT_RUN_CONFIG, BARE: bare}
            self.send(logging.INFO, "Config", event)

    def send_uncaught(self, error: BaseException, where: str) -> None:
        """Write an exception everywhere but on the console, where Python prints it."""
        text = f"Uncaught exception in {where}: {type(error).__name__}"
        exc_info = (type(error), error, error.__traceback__)
        self.send(logging.ERROR, text, {EVENT_NAME: EVENT_EXCEPTION}, exc_info)

    def send(
        self,
        level: int,
        text: str,
        event: dict[str, Any],
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | None = None,
    ) -> None:
        """Send an event of the run's own.

        Args:
            level: Of the stdlib; nothing is sent below the run's.
            text: The body.
            event: Attributes, and the keys of `otel_mmlog.pipeline.events`.
            exc_info: The exception that the event is about, or None.
        """
        logger = self._parts.logger
        if not logger.isEnabledFor(level):
            return
        path, line, function = _place(exc_info[2]) if exc_info else ("", 0, None)
        record = logging.LogRecord(logger.name, level, path, line, text, None, exc_info, function)
        setattr(record, EVENT_DICT, event)
        logger.handle(record)

    def _count(self, record: Record) -> None:
        self.records += 1
        self._parts.standing.take(record)

    def _tell_health(self, record: Record) -> None:
        health = self._parts.health.due()
        if health is not None:
            self._parts.journal_output.write_health(health, record.time_ns)


def _place(trace: TracebackType | None) -> tuple[str, int, str | None]:
    """File, line and function where an exception was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "", 0, None
    code = trace.tb_frame.f_code
    return code.co_filename, trace.tb_lineno, code.co_name
