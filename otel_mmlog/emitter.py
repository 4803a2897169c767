"""Makes the records of a run's loops and sends them on their way."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current

from otel_mmlog.compose import Parts
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.hub_view import HubFace, HubView
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.core.memory import peak_memory_mib
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import Record
from otel_mmlog.core.window import Rule
from otel_mmlog.held_records import HELD_MAX, HeldRecords
from otel_mmlog.loops.raw_points import Notes, RawPoints
from otel_mmlog.loops.rule_watch import RuleWatch
from otel_mmlog.loops.state import EndSpan
from otel_mmlog.loops.told import TellOnce
from otel_mmlog.otel.semconv import loop_span
from otel_mmlog.process_facts import uses_cuda
from otel_mmlog.run_events import RunEvents


@dataclass(frozen=True, slots=True)
class _Due:
    """What a record is made of, beside settings.

    Attributes:
        kind: ``"iter"`` or ``"epoch"``.
        progress: Where the run stands.
        windows: See `LogProcessor.after_iter` and `after_epoch`.
        time_ns: When it was due, in Unix nanoseconds.
        memory_mib: Peak device memory, or None.
    """

    kind: str
    progress: Progress
    windows: Mapping[str, int] | None
    time_ns: int
    memory_mib: int | None


@dataclass(frozen=True, slots=True)
class _Held:
    """What was due at one moment.

    Attributes:
        due: The record, or None for raw values alone.
        notes: The raw values to send behind it, or None.
        hub: The scalars at that moment.
        context: The span that was current.
    """

    due: _Due | None
    notes: Notes | None
    hub: HubFace
    context: Context


class Emitter:
    """The sink of the loops. In a forked child, whose loops are its parent's, it emits nothing.

    Args:
        parts: What the run is made of.
        events: Sends the records.
        processor: Turns hub and progress into records.
        hub: The run's scalars.
        raw: Takes every raw value, or None if only records are sent.
        deferred: Whether records that need values of a CUDA device are held until these arrive by themselves.
    """

    def __init__(
        self,
        parts: Parts,
        events: RunEvents,
        processor: LogProcessor,
        hub: MessageHub,
        raw: RawPoints | None,
        *,
        deferred: bool,
    ) -> None:
        self._parts = parts
        self._events = events
        self._processor = processor
        self._hub = hub
        self._raw = raw
        self._rank = parts.identity.rank.rank
        self._pid = os.getpid()
        self._rule_watch = RuleWatch(hub, processor, parts.handler.tell)
        self._tell = TellOnce(parts.handler.tell)
        self._held: HeldRecords[_Held] = HeldRecords(lambda: hub._pending, self._send_held, self._note_wait)
        hub._pending.belong_to_run(self._note_device, deferred=deferred)

    def emit(self, kind: str, progress: Progress, windows: Mapping[str, int] | None = None) -> None:
        """Make a record and send it, or hold it until its values arrive."""
        if self._is_inherited():
            return
        try:
            due = self._due(kind, progress, windows)
            if self._held.must_hold():
                self._hold(due)
            elif self._send(due, self._hub) and self._raw is not None:
                self._raw.flush()
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._note_fault(error)

    def end_iteration(self) -> None:
        """Stamp the raw values of the iteration that is over."""
        if self._raw is None or self._is_inherited() or not self._raw.collect(time.time_ns()):
            return
        try:
            if not self._held.must_hold():
                self._raw.flush()
            elif self._raw.is_full:
                self._hold(None)
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._note_fault(error)

    def drain(self) -> None:
        """Send what is held; waits for the device."""
        if self._is_inherited():
            return
        try:
            self._held.drain()
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._note_fault(error)

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

    def _due(self, kind: str, progress: Progress, windows: Mapping[str, int] | None) -> _Due:
        now_ns = time.time_ns()
        memory_mib = peak_memory_mib() if kind == "iter" and uses_cuda() else None
        return _Due(kind, progress, windows, now_ns, memory_mib)

    def _hold(self, due: _Due | None) -> None:
        notes = None if self._raw is None else self._raw.take()
        self._held.hold(_Held(due, notes, HubView(self._hub), get_current()))

    def _send_held(self, held: _Held) -> None:
        """Send what was held, in the span that was current then."""
        token = attach(held.context)
        try:
            if held.due is not None:
                self._send(held.due, held.hub)
            if self._raw is not None and held.notes is not None:
                self._raw.send(held.notes, held.hub)
        finally:
            detach(token)

    def _send(self, due: _Due, hub: HubFace) -> bool:
        """Whether the record could be made."""
        try:
            record = self._make(due, hub)
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._note_fault(error)
            return False
        self._events.send_record(record)
        return True

    def _make(self, due: _Due, hub: HubFace) -> Record:
        if due.kind == "epoch":
            return self._processor.after_epoch(
                hub,
                due.progress,
                time_ns=due.time_ns,
                rank=self._rank,
                windows=due.windows,
                on_error=self._note_rule,
            )
        return self._processor.after_iter(
            hub,
            due.progress,
            time_ns=due.time_ns,
            rank=self._rank,
            windows=due.windows,
            memory_mib=due.memory_mib,
            on_error=self._note_rule,
        )

    def _note_fault(self, error: Exception) -> None:
        self._parts.handler.note_fault("log processor", error)

    def _note_rule(self, rule: Rule, error: Exception) -> None:
        self._parts.handler.note_fault(f"the rule for {rule.log_name!r}", error)

    def _note_device(self, error: Exception) -> None:
        self._parts.handler.note_fault("a device, whose values are NaN", error)

    def _note_wait(self) -> None:
        self._tell(
            "wait",
            f"{HELD_MAX} records wait for values of a device that is further behind than that: "
            "from now on training waits for it where more would be held",
        )

    def _is_inherited(self) -> bool:
        return os.getpid() != self._pid
