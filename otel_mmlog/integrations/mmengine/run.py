"""The run of one `Runner`: what its lines, its loops and the registry tell goes to files, journal and spans."""

import itertools
import logging
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from otel_mmlog.core.progress import Mode
from otel_mmlog.core.record import Record
from otel_mmlog.identify import identify
from otel_mmlog.integrations.mmengine.config_line import without_secrets
from otel_mmlog.integrations.mmengine.loop_spans import LoopSpans
from otel_mmlog.integrations.mmengine.options import RunnerOptions
from otel_mmlog.integrations.mmengine.records import Kind, Records
from otel_mmlog.integrations.mmengine.runner_facts import asked_to_resume, experiment_of
from otel_mmlog.integrations.mmengine.sink import NoSpan, Span
from otel_mmlog.integrations.mmengine.sources import settings_of
from otel_mmlog.loops.rule_watch import RuleWatch
from otel_mmlog.options import Options, check_options
from otel_mmlog.otel.semconv import SPAN_REGISTRY_BUILD, SPAN_REGISTRY_GET
from otel_mmlog.pipeline.events import BARE, EVENT_DICT, EVENT_NAME
from otel_mmlog.run_base import RunBase
from otel_mmlog.settings import Settings, read_settings

_ordinals: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
_next_ordinal = itertools.count().__next__
_OWN_TRACE = frozenset([SPAN_REGISTRY_BUILD, SPAN_REGISTRY_GET])


class RunnerRun(RunBase):
    """See `otel_mmlog.run_base.RunBase` for the attributes.

    Args:
        runner: The runner; its folder, name and logger exist, its hub does not yet.
        log_level: As its config says, as a number of the stdlib.
        options: What the user said about the run.
        start_ns: When its building began, in Unix nanoseconds.
        on_close: Called when the run is over.

    Raises:
        ConfigError: An environment variable cannot be used.
    """

    def __init__(
        self,
        runner: Any,
        log_level: int,
        options: RunnerOptions,
        *,
        start_ns: int | None,
        on_close: Callable[[], None],
    ) -> None:
        settings = read_settings()
        checked = _options(runner, log_level, options, settings)
        super().__init__(
            checked,
            settings,
            identify(checked, settings, _ordinal_of(runner), agreed=str(runner.timestamp)),
            start_ns=start_ns,
        )
        self.level = checked.log_level
        self._runner = weakref.ref(runner)
        self.loops = LoopSpans(self._parts.tracing.spans)
        self._records = Records(self.rank)
        self._rule_watch: RuleWatch | None = None
        self._pending: Record | None = None
        self._tags: deque[Any] = deque(maxlen=4)
        self._on_close = on_close
        self._begin()

    def open_span(self, name: str, attributes: Mapping[str, Any], *, start_ns: int | None = None) -> Span:
        """Open a span under the current one; of the registry's, ranks above 0 keep a trace of their own."""
        if self.is_inherited:
            return NoSpan()  # nobody would write its end
        spans = self._parts.tracing.spans
        return spans.open(name, attributes, own_trace=name in _OWN_TRACE, start_ns=start_ns)

    def write(
        self,
        record: logging.LogRecord,
        event_name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a log record, as the event of that name if it is one."""
        handler = self._parts.handler
        if record.levelno < handler.level:
            return
        if event_name is None:
            handler.handle(without_secrets(record, getattr(self._runner(), "cfg", None)))
        elif handler.has_processors:
            setattr(record, EVENT_DICT, {**(attributes or {}), EVENT_NAME: event_name, BARE: True})
            handler.handle(record)
        else:
            handler.write_event(record, event_name, attributes or {})

    def note_line(self, runner: Any, batch_idx: int, mode: Mode, *, kind: Kind, tag: Any, text: Any) -> None:
        """Take what the log processor returned; the record leaves with the line that has this very text."""
        self.send_unlogged()
        try:
            self._tags.append(tag)
            self._pending = self._records.make(runner, batch_idx, mode, kind=kind, tag=tag, text=text)
        except Exception as error:  # noqa: BLE001 - told and counted; training goes on
            self._parts.handler.note_fault("the record of a line", error)

    def take_line(self, record: logging.LogRecord) -> bool:
        """Whether a log record is the line of the record that waits for it; then both are written."""
        pending = self._pending
        if pending is None or record.msg is not pending.text:
            return False
        self._pending = None
        self._events.send_line(record, pending)
        return True

    def send_unlogged(self) -> None:
        """Send the points of a record whose line nobody logged."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._events.send_points(pending)

    def is_own_tag(self, tag: Any) -> bool:
        """Whether a log processor has just returned this very object: its numbers have left already."""
        return any(known is tag for known in self._tags)

    @property
    def runner(self) -> Any:
        """The runner, or None if it is gone."""
        return self._runner()

    def is_of(self, runner: Any) -> bool:
        """Whether this is the run of that very runner."""
        return self._runner() is runner

    def send_scalars(self, scalars: Mapping[str, Any], step: int | None) -> None:
        """Send what user code gave to a visualizer, where the runner stands now."""
        points = self._records.of_scalars(self._runner(), scalars)
        self._events.send_scalars(scalars, step, points)

    def send_config(self, config: Mapping[str, Any]) -> None:
        """Send the runner's config, where it changed since the last time; MMEngine prints it."""
        self._events.send_config(config, bare=True)

    def begin_loop(self, runner: Any, mode: Mode) -> None:
        """Note that a loop begins, or the next epoch of one."""
        self._hooks.ensure()
        self._records.begin_loop(runner, mode)
        if self._rule_watch is None:
            settings = settings_of(runner.log_processor)
            if settings is None:
                return
            self._rule_watch = RuleWatch(runner.message_hub, settings, self._parts.handler.tell)
        self._rule_watch.begin_loop(mode)

    def end_loop(self, mode: Mode) -> None:
        """Note that a loop is over, or an epoch of one."""
        if self._rule_watch is not None:
            self._rule_watch.end_loop(mode)

    def note_fault(self, name: str, error: Exception) -> None:
        """Count a fault of our own; the first is told."""
        self._parts.handler.note_fault(name, error)

    def tell(self, message: str) -> None:
        """Warn."""
        self._parts.handler.tell(message)

    def _close_loops(self) -> None:
        self.send_unlogged()

    def _finish(self) -> None:
        if self._rule_watch is not None:
            self._rule_watch.close()

    def _release(self) -> None:
        self._on_close()


def _ordinal_of(runner: Any) -> int:
    """How many runners of this process had a run before this one: one that goes on keeps its run id."""
    if runner not in _ordinals:
        _ordinals[runner] = _next_ordinal()
    return _ordinals[runner]


def _options(runner: Any, log_level: int, options: RunnerOptions, settings: Settings) -> Options:
    return check_options(
        settings,
        experiment_name=experiment_of(runner),
        work_dir=Path(runner.work_dir),
        log_level=log_level,
        by_epoch=True,
        interval=1,
        distributed=options.distributed,
        ignore_last=False,
        layout=options.layout,
        resume=asked_to_resume(runner),
        run_id=None,
        steps="records",
        ranks=options.ranks,
        trace_ranks=options.trace_ranks,
        logger_name=runner.logger.name,
        console=False,
        guest=True,
        config=None,
        processors=options.processors,
        system_metrics=options.system_metrics,
        deferred=False,
    )
