"""What every run has, whoever drives its loops: files, journal, spans, hooks into the process, and an end."""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from otel_mmlog.compose import compose
from otel_mmlog.core.record import qualified_name
from otel_mmlog.identify import Identity
from otel_mmlog.options import Options
from otel_mmlog.otel.semconv import EVENT_TEXT
from otel_mmlog.pipeline.events import EVENT_NAME
from otel_mmlog.pipeline.logger import make_logger
from otel_mmlog.pipeline.standing import html_block, short_line
from otel_mmlog.process_hooks import THREAD, ProcessHooks
from otel_mmlog.run_events import RunEvents
from otel_mmlog.settings import Settings
from otel_mmlog.summary import closing_lines

open_runs: "list[RunBase]" = []
"""The run of this process, if one is open."""
_Self = TypeVar("_Self", bound="RunBase")


class RunBase:
    """One rank's part in a training job.

    Attributes:
        logger: A structlog logger; its lines go where the run's lines go.
        config: The run's settings.
        run_id: One for all ranks and attempts.
        attempt: 0, then 1 after the first restart or resume.
        rank: From 0 to ``world_size - 1``.
        world_size: Processes of the job.
        work_dir: Folder of everything the run writes.
        files: The text and the JSON file of this rank; empty if it writes none.
        closed: Whether `close` was called.
    """

    def __init__(
        self, options: Options, settings: Settings, identity: Identity, *, start_ns: int | None = None
    ) -> None:
        self._parts = parts = compose(options, settings, identity, start_ns=start_ns)
        self._options = options
        self._pid = os.getpid()
        self._error: BaseException | None = None
        self._events = RunEvents(parts)
        self.run_id = identity.run_id
        self.attempt = parts.identity.attempt
        self.rank = identity.rank.rank
        self.world_size = identity.rank.world_size
        self.work_dir = options.work_dir
        self.files = parts.files
        self.config: dict[str, Any] = dict(options.config)
        self.closed = False
        self.logger = make_logger(parts.logger)
        self._hooks = ProcessHooks(
            handler=parts.handler,
            level=None if options.guest else options.log_level,
            passes_on=options.guest,
            on_exception=self._on_uncaught,
            on_exit=self.close,
            on_terminate=self._on_terminate,
        )

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self.closed and os.getpid() == self._pid:
            self._close_loops()
            if error is not None:
                self._on_uncaught(error, "the run")
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {short_line(self._parts.standing)}>"

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        return html_block(self._parts.standing)

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Time a part of the run as a span under the current one."""
        with self._parts.tracing.spans.open(name, attributes or {}):
            yield

    @property
    def tracer_provider(self) -> TracerProvider | None:
        """The run's provider, for tracers of your own; None where spans are switched off."""
        return self._parts.tracing.provider

    @property
    def span_exporter(self) -> SpanExporter:
        """Writes the spans of another tracer provider to the journal."""
        return self._parts.span_exporter

    @property
    def metric_exporter(self) -> MetricExporter:
        """For an SDK metric reader: ``PeriodicExportingMetricReader(run.metric_exporter)`` writes to the journal."""
        return self._parts.metric_exporter

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was logged is safe; records that are held for a device leave first.

        Args:
            timeout: Seconds to wait for the collector, if an endpoint is configured.

        Returns:
            Whether nothing was refused and the collector acknowledged everything; without an endpoint,
            whether the disk confirmed it.
        """
        self._drain()
        return self._is_on_disk() and self._parts.delivery.flush(timeout)

    def close(self) -> bool:
        """End the run: partial records, spans, series and files. A second call does nothing.

        With an endpoint configured it waits for the delivery, at most for ``OTEL_MMLOG_CLOSE_TIMEOUT`` (3 s); the
        sender then goes on alone for ``OTEL_MMLOG_LINGER`` (60 s).

        Returns:
            Whether the collector acknowledged everything; without an endpoint, whether all is in the journal.
        """
        if self.closed or self.is_inherited:
            return True
        self._close_loops()
        self.closed = True
        self._finish()
        self._parts.tracing.spans.end_all(self._error)
        if self._parts.system_metrics is not None:
            self._parts.system_metrics.close()
        self._parts.journal_output.end_series(time.time_ns())
        status = self._parts.delivery.settle()
        lines = closing_lines(self._parts, self._events.records, self._rejected(), status)
        self._parts.journal_output.end_health(self._parts.health.now(), time.time_ns())
        self._parts.standing.state = _outcome(self._error)
        self._events.send_end(lines, self._error)
        self._hooks.remove()
        complete = self._is_on_disk()
        self._parts.handler.drop_outputs()
        self._parts.journal.close()
        complete = self._parts.delivery.close() and complete
        self._release()
        open_runs.remove(self)
        return complete

    finish = close

    def note_fault(self, name: str, error: Exception) -> None:
        """Count what an adapter could not do instead of raising it into training; the first of a kind is told."""
        if not self.closed:
            self._parts.handler.note_fault(name, error)

    def note_text(self, name: str, **attributes: Any) -> None:
        """Write a text that another logger keeps beside its scalars, as a line that is none of the messages."""
        if not self.closed:
            self._events.send(logging.INFO, name, {**attributes, EVENT_NAME: EVENT_TEXT})

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child, and the run its parent's."""
        return os.getpid() != self._pid

    def detach(self) -> None:
        """Take a forked child out of its parent's run: nothing it logs from now on is in the parent's files."""
        self.closed = True
        self._hooks.remove()
        self._parts.handler.drop_outputs()
        self._parts.journal.close()
        open_runs.remove(self)

    def _begin(self) -> None:
        """Attach the run to its process; called when everything is in its place."""
        self._hooks.install()
        open_runs.append(self)
        if self._parts.system_metrics is not None:
            self._parts.system_metrics.start()
        where = self._parts.identity.rank
        self._events.send_start(
            f"Run {self.run_id}, attempt {self.attempt}: rank {where.rank} of {where.world_size} ({where.source}) "
            f"on {where.host}, work_dir {self.work_dir}",
            where,
        )

    def _close_loops(self) -> None:
        """End the loops that are open; the run still takes what they leave."""

    def _drain(self) -> None:
        """Send the records that are held for a device."""

    def _finish(self) -> None:
        """Send what is only known at the end."""

    def _release(self) -> None:
        """Let go of what belongs to the process when the run is over."""

    def _rejected(self) -> Mapping[str, int]:
        """How many scalars of each name were no numbers."""
        return {}

    def _is_on_disk(self) -> bool:
        """Whether the disk confirms the journal, and nothing was refused."""
        return self._parts.journal.flush() and not any(self._parts.journal.stats().refused.values())

    def _on_uncaught(self, error: BaseException, where: str) -> None:
        if self.closed or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return
        self._events.send_uncaught(error, where)
        if os.getpid() == self._pid and where != THREAD:
            self._error = error

    def _on_terminate(self, reason: BaseException) -> None:
        self._error = self._parts.tracing.spans.failure = reason
        self.logger.warning("SIGTERM: the run is closed before the process ends")
        self.close()


def _outcome(error: BaseException | None) -> str:
    return "finished" if error is None else f"failed ({qualified_name(type(error))})"


def end_open_runs() -> list[RunBase]:
    """End what is open in this process: a forked child leaves its parent's run; a run of its own is closed.

    Returns:
        The runs that were closed.
    """
    for run in [run for run in open_runs if run.is_inherited]:
        run.detach()
    left_open = list(open_runs)
    for run in left_open:
        run.close()
    return left_open
