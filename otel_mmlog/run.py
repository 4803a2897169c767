"""A run: what `init` returns, and all that a training script calls."""

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from otel_mmlog.compose import compose
from otel_mmlog.core.checks import check_count
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.emitter import Emitter
from otel_mmlog.identify import Identity
from otel_mmlog.loops.loops import Loops
from otel_mmlog.loops.raw_points import RawPoints
from otel_mmlog.loops.scalar_router import ScalarRouter
from otel_mmlog.loops.scalars import ScalarLog
from otel_mmlog.loops.sized_iterator import SizedIterator
from otel_mmlog.loops.state import Batch
from otel_mmlog.loops.told import TellOnce
from otel_mmlog.options import Options
from otel_mmlog.otel import semconv
from otel_mmlog.pipeline.logger import make_logger
from otel_mmlog.process_hooks import THREAD, ProcessHooks
from otel_mmlog.run_state import VERSION, read_state
from otel_mmlog.settings import Settings
from otel_mmlog.summary import closing_lines

open_runs: "list[Run]" = []
"""The run of this process, if one is open."""


class Run:
    """One rank's part in a training job, from `init` to `close`.

    Attributes:
        hub: The message hub; ``MessageHub.get_current_instance()`` returns it while the run lives.
        logger: A structlog logger; its lines go where the run's lines go.
        config: The run's settings; what is put in leaves with the next loop.
        run_id: One for all ranks and attempts.
        attempt: 0, then 1 after the first restart or resume.
        rank: From 0 to ``world_size - 1``.
        world_size: Processes of the job.
        work_dir: Folder of everything the run writes.
        files: The text and the JSON file of this rank; empty if it writes none.
        closed: Whether `close` was called.
    """

    def __init__(
        self,
        options: Options,
        settings: Settings,
        processor: LogProcessor,
        identity: Identity,
        *,
        ordinal: int,
    ) -> None:
        self._parts = parts = compose(options, settings, identity)
        self._options = options
        self._processor = processor
        self._pid = os.getpid()
        self._error: BaseException | None = None
        self.run_id = identity.run_id
        self.attempt = identity.attempt
        self.rank = identity.rank.rank
        self.world_size = identity.rank.world_size
        self.work_dir = options.work_dir
        self.files = parts.files
        self.config: dict[str, Any] = dict(options.config)
        self.closed = False
        self.hub = MessageHub.get_instance(
            f"{options.experiment_name}-{self.run_id}-{self.attempt}-{ordinal}"
        )
        self.logger = make_logger(parts.logger)
        self._raw = RawPoints(self.hub, parts.journal_output.write_raw) if options.steps == "every" else None
        self._emitter = Emitter(parts, processor, self.hub, self._raw)
        self._tell = TellOnce(parts.handler.tell)
        self._tell_lost = TellOnce(logging.getLogger(__name__).warning)
        self._scalars = ScalarLog(self.hub, self._tell)
        self._loops = Loops(
            self.hub,
            self._emitter,
            by_epoch=options.by_epoch,
            interval=options.interval,
            ignore_last=options.ignore_last,
        )
        self._router = ScalarRouter(
            self.hub, self._scalars, self._loops, tell=self._tell, begin_free=self._send_config
        )
        self._hooks = ProcessHooks(
            handler=parts.handler,
            level=options.log_level,
            on_exception=self._on_uncaught,
            on_exit=self.close,
            on_terminate=self._on_terminate,
        )
        self._hooks.install()
        open_runs.append(self)
        self._say_started()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self.closed and os.getpid() == self._pid:
            self._close_loops()
            if error is not None:
                self._on_uncaught(error, "the run")
        self.close()

    def epochs(self, n: int, start: int | None = None) -> SizedIterator[int]:
        """Return an iterator over the epochs of a training, from 0.

        Args:
            n: Epochs in all.
            start: The first; None for 0, or for where a loaded state ended. Without a loaded state the iterations
                of the epochs before count as done, if the loader has a length.

        Raises:
            ConfigError: A number is no whole number, or negative.
        """
        check_count(n, "n", 0)
        if start is not None:
            check_count(start, "start", 0)
        self._begin_loop()
        return self._loops.epochs(n, start)

    def train(self, loader: Iterable[Batch], max_iters: int | None = None) -> SizedIterator[Batch]:
        """Return an iterator over the batches of a train loader; each is an iteration.

        Its length is that of the loader, for progress bars. What is logged behind the loop belongs to its last
        iteration, and is shown in the next train record or in one of its own at the end.

        Args:
            loader: Any iterable; ``len`` is used where it has one.
            max_iters: The iteration to stop at, counted over the whole training. With ``by_epoch=False``
                the loader is begun anew until then; None is one pass.

        Raises:
            ConfigError: ``max_iters`` is no whole number above 0, or ``custom_cfg`` names a statistic that
                is not registered by now.
        """
        if max_iters is not None:
            check_count(max_iters, "max_iters")
        self._processor.check_methods()
        self._begin_loop()
        return self._loops.train(loader, max_iters)

    def val(self, loader: Iterable[Batch]) -> SizedIterator[Batch]:
        """Return an iterator over the batches of a val loader.

        One record comes of it: means over the loop, weighted by ``count``. What is logged right after the
        loop, before the next loop or checkpoint begins, is in it and stands for itself. Inside the body of a
        train loop, that holds for names that the train loop has not logged: ``run.log(loss=loss)`` behind a val
        loop there is train's again, and ``run.log({"val/loss": x})`` is val's.
        """
        self._begin_loop()
        return self._loops.evaluate("val", loader)

    def test(self, loader: Iterable[Batch]) -> SizedIterator[Batch]:
        """Return an iterator over the batches of a test loader; see `val`."""
        self._begin_loop()
        return self._loops.evaluate("test", loader)

    def log(
        self,
        mapping: Mapping[str, Any] | None = None,
        /,
        *,
        count: int = 1,
        step: int | None = None,
        **scalars: Any,
    ) -> None:
        """Log scalars of the iteration that runs; never raises for a value.

        Args:
            mapping: Name -> number; names may hold slashes, and ``train/``, ``val/`` or ``test/`` in front names
                the loop whose scalar it is. A number is a float, an int, or a numpy or torch value of one
                element, which is not read from its device before the record needs it.
            count: How many items the values are means of: their weight in every mean.
            step: Outside of any loop: the number of this iteration, where calls that name the same one add up;
                None for the next, or behind a train loop for its last.
            **scalars: Further numbers by name. The run's own tags (``epoch``, ``iter``, ``eta``, ``memory``, and
                with loops ``time`` and ``data_time``) get an underscore behind them.
        """
        if self.closed or os.getpid() != self._pid:
            self._note_lost()
        else:
            self._router.log({**mapping, **scalars} if mapping else scalars, count, step)

    @contextlib.contextmanager
    def checkpoint(self, path: str | os.PathLike[str]) -> Iterator[Path]:
        """Mark the saving of a checkpoint: ``with run.checkpoint(path): torch.save(...)``."""
        self._loops.settle()
        self.logger.info(f"Saving checkpoint at {self._loops.finished()}")
        with self.span(semconv.SPAN_CHECKPOINT_SAVE, {"path": os.fspath(path), **self._loops.state()}):
            yield Path(path)

    @contextlib.contextmanager
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

    def state_dict(self) -> dict[str, Any]:
        """Return the hub and where training stands, for a checkpoint."""
        self._loops.settle()
        return {
            "version": VERSION,
            "run_id": self.run_id,
            "progress": self._loops.state(),
            "hub": self.hub.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`: windows, ETA, epoch and iteration.

        Raises:
            ConfigError: It is no state of a run; nothing was changed.
        """
        checked = read_state(state)
        self._loops.restore(checked.epoch, checked.iteration)
        self.hub.load_state_dict(checked.hub)
        if self._raw is not None:
            self._raw.skip_all()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was logged is safe.

        Args:
            timeout: Seconds to wait for the collector, if an endpoint is configured.

        Returns:
            Whether nothing was refused and the collector acknowledged everything; without an endpoint,
            whether the disk confirmed it.
        """
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
        self._send_config()
        self._emitter.check_rules()
        self._parts.tracing.spans.end_all(self._error)
        self._parts.journal_output.end_series(time.time_ns())
        status = self._parts.delivery.settle()
        for line in closing_lines(self._parts, self._emitter.records, self._scalars.rejected, status):
            self.logger.info(line)
        self._hooks.remove()
        complete = self._is_on_disk()
        self._parts.handler.drop_outputs()
        self._parts.journal.close()
        complete = self._parts.delivery.close() and complete
        MessageHub.remove_instance(self.hub.instance_name)
        open_runs.remove(self)
        return complete

    finish = close

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

    def _is_on_disk(self) -> bool:
        """Whether the disk confirms the journal, and nothing was refused."""
        return self._parts.journal.flush() and not any(self._parts.journal.stats().refused.values())

    def _say_started(self) -> None:
        where = self._parts.identity.rank
        self.logger.info(
            f"Run {self.run_id}, attempt {self.attempt}: rank {where.rank} of {where.world_size} ({where.source}) "
            f"on {where.host}, work_dir {self.work_dir}"
        )

    def _note_lost(self) -> None:
        """Tell that scalars are not kept: the run is closed, or its parent process has it."""
        if self.closed:
            self._tell_lost("log", "run.log after run.close(): the scalars are lost")
        else:
            self._tell("worker", "run.log in a forked process: the scalars of workers are not kept")

    def _begin_loop(self) -> None:
        if self.closed:
            self._tell_lost("loop", "a loop after run.close(): it runs, but nothing of it is kept")
            return
        self._scalars.reserve_times()
        self._hooks.ensure()
        self._send_config()

    def _send_config(self) -> None:
        self._emitter.send_config(self.config)

    def _close_loops(self) -> None:
        self._loops.close()
        self._emitter.end_iteration()

    def _on_uncaught(self, error: BaseException, where: str) -> None:
        if self.closed or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return
        self._emitter.send_uncaught(error, where)
        if os.getpid() == self._pid and where != THREAD:
            self._error = error

    def _on_terminate(self, reason: BaseException) -> None:
        self._error = self._parts.tracing.spans.failure = reason
        self.logger.warning("SIGTERM: the run is closed before the process ends")
        self.close()
