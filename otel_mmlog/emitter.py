"""Makes the records of a run's loops, and the run's own events, and sends them on their way."""

import logging
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from otel_mmlog.compose import Parts
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.core.memory import peak_memory_mib
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import Record
from otel_mmlog.core.window import Rule
from otel_mmlog.loops.raw_points import RawPoints
from otel_mmlog.loops.rule_watch import RuleWatch
from otel_mmlog.loops.state import EndSpan
from otel_mmlog.otel.semconv import EVENT_EXCEPTION, EVENT_RUN_CONFIG, loop_span, record_event
from otel_mmlog.pipeline.events import EVENT_NAME, RECORD
from otel_mmlog.pipeline.plain import plain, to_json
from otel_mmlog.process_facts import uses_cuda


class Emitter:
    """The sink of the loops. In a forked child, whose loops are its parent's, it emits nothing.

    Args:
        parts: What the run is made of.
        processor: Turns hub and progress into records.
        hub: The run's scalars.
        raw: Takes every raw value, or None if only records are sent.

    Attributes:
        records: How many were sent.
    """

    def __init__(self, parts: Parts, processor: LogProcessor, hub: MessageHub, raw: RawPoints | None) -> None:
        self.records = 0
        self._parts = parts
        self._processor = processor
        self._hub = hub
        self._raw = raw
        self._rank = parts.identity.rank.rank
        self._pid = os.getpid()
        self._rule_watch = RuleWatch(hub, processor, parts.handler.tell)
        self._sent_config = to_json({})

    def emit(self, kind: str, progress: Progress, windows: Mapping[str, int] | None = None) -> None:
        """Make a record and send it: text, JSON and journal, or points alone where the level hides the line."""
        if self._is_inherited():
            return
        try:
            record = self._make(kind, progress, windows)
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._parts.handler.note_fault("log processor", error)
            return
        self.records += 1
        self._send(record)
        if self._raw is not None:
            self._raw.flush()
        self._parts.journal_output.write_gauges(self._parts.delivery.gauges(), record.time_ns)

    def end_iteration(self) -> None:
        """Stamp the raw values of the iteration that is over."""
        if self._raw is not None and not self._is_inherited():
            self._raw.collect(time.time_ns())

    def begin_loop(self, mode: Mode) -> None:
        """Note that a loop begins."""
        if not self._is_inherited():
            self._rule_watch.begin_loop(mode)

    def end_loop(self, mode: Mode) -> None:
        """Note that a loop is over."""
        if not self._is_inherited():
            self._rule_watch.end_loop(mode)

    def check_rules(self) -> None:
        """Tell, at the end of a run, which rules read scalars that never came."""
        self._rule_watch.close()

    def open_span(self, name: str, attributes: Mapping[str, Any]) -> EndSpan:
        """Open ``mmlog.<name>`` under the current span; the returned call ends it."""
        return self._parts.tracing.spans.open(loop_span(name), attributes).close

    def send_config(self, config: Mapping[str, Any]) -> None:
        """Send the run's settings as an event, where they changed since the last time."""
        if not config:
            return
        rendered = to_json({"config": plain(config)})
        if rendered != self._sent_config:
            self._sent_config = rendered
            self._send_event(logging.INFO, "Config", {"config": dict(config), EVENT_NAME: EVENT_RUN_CONFIG})

    def send_uncaught(self, error: BaseException, where: str) -> None:
        """Write an exception everywhere but on the console, where Python prints it."""
        text = f"Uncaught exception in {where}: {type(error).__name__}"
        exc_info = (type(error), error, error.__traceback__)
        self._send_event(logging.ERROR, text, {EVENT_NAME: EVENT_EXCEPTION}, exc_info)

    def _make(self, kind: str, progress: Progress, windows: Mapping[str, int] | None) -> Record:
        now_ns = time.time_ns()
        if kind == "epoch":
            return self._processor.after_epoch(
                self._hub,
                progress,
                time_ns=now_ns,
                rank=self._rank,
                windows=windows,
                on_error=self._note_rule,
            )
        return self._processor.after_iter(
            self._hub,
            progress,
            time_ns=now_ns,
            rank=self._rank,
            memory_mib=peak_memory_mib() if uses_cuda() else None,
            on_error=self._note_rule,
        )

    def _note_rule(self, rule: Rule, error: Exception) -> None:
        self._parts.handler.note_fault(f"the rule for {rule.log_name!r}", error)

    def _is_inherited(self) -> bool:
        return os.getpid() != self._pid

    def _send(self, record: Record) -> None:
        logger = self._parts.logger
        event_name = record_event(record.progress.mode, record.kind)
        if not logger.isEnabledFor(logging.INFO):
            self._parts.journal_output.write_points(record)
        elif logger.has_only_own():  # nobody would see a log record
            self._parts.handler.write_record(record, event_name, logger.name)
        else:
            self._send_event(logging.INFO, record.text, {RECORD: record, EVENT_NAME: event_name})

    def _send_event(
        self,
        level: int,
        text: str,
        event: dict[str, Any],
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | None = None,
    ) -> None:
        logger = self._parts.logger
        if not logger.isEnabledFor(level):
            return
        path, line, function = _place(exc_info[2]) if exc_info else ("", 0, None)
        record = logging.LogRecord(logger.name, level, path, line, text, None, exc_info, function)
        record._mmlog_event = event
        logger.handle(record)


def _place(trace: TracebackType | None) -> tuple[str, int, str | None]:
    """File, line and function where an exception was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "", 0, None
    code = trace.tb_frame.f_code
    return code.co_filename, trace.tb_lineno, code.co_name
