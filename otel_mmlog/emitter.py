"""Makes the records of a run's loops and sends them on their way."""

import os
import time
from collections.abc import Mapping
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
from otel_mmlog.otel.semconv import loop_span
from otel_mmlog.process_facts import uses_cuda
from otel_mmlog.run_events import RunEvents


class Emitter:
    """The sink of the loops. In a forked child, whose loops are its parent's, it emits nothing.

    Args:
        parts: What the run is made of.
        events: Sends the records.
        processor: Turns hub and progress into records.
        hub: The run's scalars.
        raw: Takes every raw value, or None if only records are sent.
    """

    def __init__(
        self,
        parts: Parts,
        events: RunEvents,
        processor: LogProcessor,
        hub: MessageHub,
        raw: RawPoints | None,
    ) -> None:
        self._parts = parts
        self._events = events
        self._processor = processor
        self._hub = hub
        self._raw = raw
        self._rank = parts.identity.rank.rank
        self._pid = os.getpid()
        self._rule_watch = RuleWatch(hub, processor, parts.handler.tell)

    def emit(self, kind: str, progress: Progress, windows: Mapping[str, int] | None = None) -> None:
        """Make a record and send it."""
        if self._is_inherited():
            return
        try:
            record = self._make(kind, progress, windows)
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._parts.handler.note_fault("log processor", error)
            return
        self._events.send_record(record)
        if self._raw is not None:
            self._raw.flush()

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
