"""A run: what `init` returns, and all that a training script calls."""

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from otel_mmlog.core.checks import check_choice, check_count
from otel_mmlog.core.compiler import keep_compiler_out
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor
from otel_mmlog.core.progress import MODES, Mode
from otel_mmlog.emitter import Emitter
from otel_mmlog.identify import Identity
from otel_mmlog.loops.driven import DrivenLoop
from otel_mmlog.loops.loops import Loops
from otel_mmlog.loops.raw_points import RawPoints
from otel_mmlog.loops.scalar_router import ScalarRouter
from otel_mmlog.loops.scalars import ScalarLog
from otel_mmlog.loops.sized_iterator import SizedIterator
from otel_mmlog.loops.state import Batch
from otel_mmlog.loops.told import TellOnce
from otel_mmlog.options import Options
from otel_mmlog.otel import semconv
from otel_mmlog.run_base import RunBase
from otel_mmlog.run_state import VERSION, read_state
from otel_mmlog.settings import Settings


class Run(RunBase):
    """One rank's part in a training job, from `init` to `close`.

    Attributes:
        hub: The message hub; ``MessageHub.get_current_instance()`` returns it while the run lives.
        logger: A structlog logger; its lines go where the run's lines go.
        config: The run's settings; what is put in leaves with the next loop.
        by_epoch: Whether lines count epochs.
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
        super().__init__(options, settings, identity)
        parts = self._parts
        self.by_epoch = options.by_epoch
        self._processor = processor
        self.hub = MessageHub.get_instance(
            f"{options.experiment_name}-{self.run_id}-{self.attempt}-{ordinal}"
        )
        self._raw = RawPoints(self.hub, parts.journal_output.write_raw) if options.steps == "every" else None
        self._emitter = Emitter(
            parts, self._events, processor, self.hub, self._raw, deferred=options.deferred
        )
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
        keep_compiler_out()
        self._begin()

    @property
    def takes_steps(self) -> bool:
        """Whether `log` takes a ``step`` now: outside of loops, which count by themselves."""
        return self._loops.takes_steps

    @property
    def iteration(self) -> int:
        """Where training stands: the iterations that are over, with the one that runs if it has logged."""
        return self._loops.state()["iter"]

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

    def drive(
        self,
        mode: Mode = "train",
        *,
        length: int | None = None,
        max_iters: int | None = None,
        start: int | None = None,
        epoch: int | None = None,
        interval: int | None = None,
    ) -> DrivenLoop:
        """Begin a loop that a framework runs and tells of by callbacks: `DrivenLoop` takes these.

        Args:
            mode: ``"train"``, ``"val"`` or ``"test"``.
            length: Batches of the loop, or None if unknown.
            max_iters: The iteration at which training is over, or None if unknown.
            start: Train iterations done before, as the framework counts them; None to go on counting.
            epoch: Epochs done before; None to go on counting. Inside of `epochs` it is not looked at.
            interval: Train iterations from one record to the next; None for the run's.

        Raises:
            ConfigError: The mode does not exist, or a number is no whole number, or too small.
        """
        check_choice(mode, "mode", dict.fromkeys(MODES, "a loop"))
        for name, number, least in (
            ("length", length, 0),
            ("max_iters", max_iters, 1),
            ("start", start, 0),
            ("epoch", epoch, 0),
            ("interval", interval, 1),
        ):
            if number is not None:
                check_count(number, name, least)
        self._processor.check_methods()
        self._begin_loop()
        return self._loops.drive(
            mode, length, max_iters=max_iters, start=start, epoch=epoch, interval=interval
        )

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
                with loops ``time`` and ``data_time``) get ``_value`` behind them.
        """
        if self.closed or os.getpid() != self._pid:
            self._note_lost()
        else:
            self._router.log({**mapping, **scalars} if mapping else scalars, count, step)

    @contextlib.contextmanager
    def checkpoint(self, path: str | os.PathLike[str]) -> Iterator[Path]:
        """Mark the saving of a checkpoint: ``with run.checkpoint(path): torch.save(...)``."""
        self._settle()
        self.logger.info(f"Saving checkpoint at {self._loops.finished()}")
        with self.span(semconv.SPAN_CHECKPOINT_SAVE, {"path": os.fspath(path), **self._loops.state()}):
            yield Path(path)

    def state_dict(self) -> dict[str, Any]:
        """Return the hub and where training stands, for a checkpoint."""
        self._settle()
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
        self._drain()
        self.hub.load_state_dict(checked.hub)
        self._loops.restore(checked.epoch, checked.iteration)
        if self._raw is not None:
            self._raw.skip_all()

    def _drain(self) -> None:
        self._emitter.drain()

    def _settle(self) -> None:
        """Close what waits for more scalars, and send what waits for a device."""
        self._loops.settle()
        self._drain()

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
        keep_compiler_out()
        self._scalars.reserve_times()
        self._hooks.ensure()
        self._send_config()

    def _send_config(self) -> None:
        self._events.send_config(self.config)

    def _close_loops(self) -> None:
        self._loops.close()
        self._emitter.end_iteration()
        self._drain()

    def _finish(self) -> None:
        self._send_config()
        self._emitter.check_rules()

    def _release(self) -> None:
        MessageHub.remove_instance(self.hub.instance_name)

    def _rejected(self) -> Mapping[str, int]:
        return self._scalars.rejected
