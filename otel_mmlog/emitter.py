"""Makes the records of a run's loops, and the run's own events, and sends them on their way."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from otel_mmlog.compose import UNCAUGHT, Parts
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.core.memory import peak_memory_mib
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import Record
from otel_mmlog.core.unseen import unseen_warning
from otel_mmlog.core.window import Rule
from otel_mmlog.loop_state import EndSpan
from otel_mmlog.otel.semconv import EVENT_RUN_CONFIG
from otel_mmlog.pipeline.events import EVENT_NAME, RECORD
from otel_mmlog.pipeline.plain import plain, to_json
from otel_mmlog.process_facts import uses_cuda
from otel_mmlog.raw_points import RawPoints


class Emitter:
    """The sink of the loops.

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
        self._loops_run: set[Mode] = set()
        self._rules_checked = False
        self._sent_config = to_json({})

    def emit(self, kind: str, progress: Progress, windows: Mapping[str, int] | None = None) -> None:
        """Make a record and send it: text, JSON and journal, or points alone where the level hides the line."""
        now_ns = time.time_ns()

        def make(processor: LogProcessor) -> Record:
            return self._make(processor, kind, progress, windows, now_ns)

        try:
            record: Record | None = make(self._processor)
        except Exception:  # noqa: BLE001 - a user's statistic may raise anything; its rule is told below
            record = self._make_without_failing_rules(make)
        if record is None:
            return
        self.records += 1
        self._send(record)
        if self._raw is not None:
            self._raw.flush()

    def end_iteration(self) -> None:
        """Stamp the raw values of the iteration that is over."""
        if self._raw is not None:
            self._raw.collect(time.time_ns())

    def begin_loop(self, mode: Mode) -> None:
        """Before the second train loop, a first epoch and its validation are over: check the rules."""
        if mode == "train" and mode in self._loops_run:
            self.check_rules()

    def end_loop(self, mode: Mode) -> None:
        """Note that a loop of this mode has run; the first val or test loop is time to check the rules."""
        self._loops_run.add(mode)
        if mode != "train":
            self.check_rules()

    def check_rules(self) -> None:
        """Tell, once a run, which rules read scalars that never came."""
        has_trained = any(key.startswith("train/") for key in self._hub.log_scalars)
        if self._rules_checked or not has_trained:  # evaluation alone logs no train scalars, and need not
            return
        self._rules_checked = True
        modes = sorted({"train", *self._loops_run})
        unseen = self._processor.unseen_sources(self._hub, modes)
        if unseen:
            self._parts.handler.tell(unseen_warning(unseen, modes))

    def open_span(self, name: str, attributes: Mapping[str, Any]) -> EndSpan:
        """Open ``mmlog.<name>`` under the current span; the returned call ends it."""
        return self._parts.tracing.spans.open(f"mmlog.{name}", attributes).close

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
        self._send_event(logging.ERROR, text, {EVENT_NAME: UNCAUGHT}, exc_info)

    def _make_without_failing_rules(self, make: Callable[[LogProcessor], Record]) -> Record | None:
        """The record of the rules that work now: one that raises costs its own tag, and is told once."""
        working: list[Rule] = []
        for rule in self._processor.rules:
            try:
                make(_with_rules(self._processor, [rule]))
            except Exception as error:  # noqa: BLE001 - told and counted; training goes on
                self._parts.handler.note_fault(f"the rule for {rule.log_name!r}", error)
            else:
                working.append(rule)
        try:
            return make(_with_rules(self._processor, working))
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._parts.handler.note_fault("log processor", error)
            return None

    def _make(
        self,
        processor: LogProcessor,
        kind: str,
        progress: Progress,
        windows: Mapping[str, int] | None,
        now_ns: int,
    ) -> Record:
        if kind == "epoch":
            return processor.after_epoch(
                self._hub, progress, time_ns=now_ns, rank=self._rank, windows=windows
            )
        return processor.after_iter(
            self._hub,
            progress,
            time_ns=now_ns,
            rank=self._rank,
            memory_mib=peak_memory_mib() if uses_cuda() else None,
        )

    def _send(self, record: Record) -> None:
        if self._parts.logger.isEnabledFor(logging.INFO):
            event_name = f"mmlog.{record.progress.mode}.{record.kind}"
            self._send_event(logging.INFO, record.text, {RECORD: record, EVENT_NAME: event_name})
        else:
            self._parts.journal_output.write_points(record)

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
        path, line = _place(exc_info[2]) if exc_info else ("", 0)
        record = logging.LogRecord(logger.name, level, path, line, text, None, exc_info)
        record._mmlog_event = event
        logger.handle(record)


def _with_rules(processor: LogProcessor, rules: Sequence[Rule]) -> LogProcessor:
    return LogProcessor(
        processor.window_size,
        processor.by_epoch,
        [processor.custom_cfg[rule.index] for rule in rules],
        processor.num_digits,
        processor.log_with_hierarchy,
        processor.mean_pattern.pattern,
    )


def _place(trace: TracebackType | None) -> tuple[str, int]:
    """File and line where an exception was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return ("", 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
