"""Lightning: ``Trainer(..., logger=MMLogLogger("name"))``.

The logger adds a callback to the trainer that it logs for, so that loops, checkpoints and validations are timed. Both
run on every rank, and each rank has its own part of the run. Records come as often as the trainer logs
(``log_every_n_steps``), with the trainer's own numbers.
"""

import argparse
from collections.abc import Mapping
from typing import Any

from otel_mmlog.core.progress import Mode
from otel_mmlog.integrations.followed import FollowedTraining
from otel_mmlog.integrations.held_run import AS_LOGGED, HeldRun, guarded
from otel_mmlog.integrations.names import translated_all
from otel_mmlog.integrations.needed import needed
from otel_mmlog.run import Run

with needed("lightning"):
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.loggers import Logger


class MMLogLogger(Logger):
    """Writes what a `Trainer` does and logs to a run: the open one, or one that begins with the first use.

    A run of its own stays open behind ``fit``, for ``trainer.test()``, until an exception ends a loop, the process
    ends, the next ``otel_mmlog.init``, or ``logger.held.close()``.

    Args:
        experiment_name: Names the files.
        **options: Further arguments of `otel_mmlog.init`.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument.
    """

    def __init__(self, experiment_name: str = "lightning", **options: Any) -> None:
        super().__init__()
        self.held = HeldRun(experiment_name, options)
        self.callback = MMLogCallback(self)

    @property
    def name(self) -> str | None:
        """The experiment's name, which `ModelCheckpoint` puts into its paths."""
        return self.held.experiment_name

    @property
    def version(self) -> str | None:
        """The run's id, or None as long as no run is open."""
        return None if self.held.open is None else self.held.open.run_id

    @property
    def experiment(self) -> Run:
        """The run, which is opened if none is.

        Raises:
            ConfigError: An option or an environment variable cannot be used.
        """
        return self.held.get("lightning", mean_pattern=AS_LOGGED)

    @guarded
    def log_hyperparams(
        self,
        params: "Mapping[str, Any] | argparse.Namespace | None" = None,
        *_args: Any,
        **_kwargs: Any,
    ) -> None:
        """Put hyperparameters into the run's config."""
        if params is not None:
            self.experiment.config.update(params if isinstance(params, Mapping) else vars(params))

    @guarded
    def log_graph(self, model: LightningModule, *_args: Any) -> None:
        """Follow the trainer of a model; the trainer calls this before its loops."""
        callbacks: list[Any] = model.trainer.callbacks
        if self.callback not in callbacks:
            callbacks.insert(0, self.callback)

    @guarded
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log what the trainer logs."""
        followed = self.callback.followed or FollowedTraining(self.experiment, None)
        followed.log(translated_all(metrics, self.callback.mode, leave_out=("epoch",)), step)

    @guarded
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """End the span of a checkpoint that is saved."""
        if self.callback.followed is not None:
            self.callback.followed.end_aside()


class MMLogCallback(Callback):
    """Follows the loops of a trainer; `MMLogLogger` adds it.

    Args:
        logger: Whose run takes the records.
    """

    def __init__(self, logger: MMLogLogger) -> None:
        self.held = logger.held
        self.logger = logger
        self.followed: FollowedTraining | None = None
        self.mode: Mode = "train"

    @guarded
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the loops of a training."""
        length = _whole(trainer.num_training_batches)
        max_epochs = trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None
        totals = [length * max_epochs] if length and max_epochs else []
        if trainer.max_steps > 0:
            totals.append(trainer.max_steps * trainer.accumulate_grad_batches)
        self.followed = FollowedTraining(
            self.logger.experiment, self.held.interval(trainer.log_every_n_steps)
        )
        self.followed.begin(
            max_epochs=max_epochs,
            epoch=trainer.current_epoch,
            length=length,
            max_iters=min(totals, default=None),
        )

    @guarded
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin an epoch."""
        if self.followed is not None:
            self.followed.begin_epoch(trainer.fit_loop.total_batch_idx + 1)

    @guarded
    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin a step, whose batch has arrived."""
        if self.followed is not None:
            self.followed.begin_step(trainer.fit_loop.total_batch_idx)

    @guarded
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End a step."""
        if self.followed is not None:
            self.followed.end_step()

    @guarded
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a validation."""
        if not trainer.sanity_checking:
            self._begin_eval("val", trainer.num_val_batches, ends_epoch=trainer.is_last_batch)

    @guarded
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a test."""
        self._begin_eval("test", trainer.num_test_batches)

    @guarded
    def on_validation_batch_start(self, *_args: Any, **_kwargs: Any) -> None:
        """Begin a step of a validation."""
        if self.followed is not None:
            self.followed.begin_eval_step()

    on_test_batch_start = on_validation_batch_start

    @guarded
    def on_validation_batch_end(self, *_args: Any, **_kwargs: Any) -> None:
        """End a step of a validation."""
        if self.followed is not None:
            self.followed.end_eval_step()

    on_test_batch_end = on_validation_batch_end

    @guarded
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End a validation: what is logged behind it stands for the whole of it."""
        if self.followed is not None:
            self.followed.end_aside()

    on_test_epoch_end = on_validation_epoch_end

    @guarded
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train again, or end what was no part of a training."""
        self.mode = "train"
        if self.followed is not None:
            self.followed.resume()
            if trainer.state.fn != "fit":
                self._end()

    on_test_end = on_validation_end

    @guarded
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Begin the span of a checkpoint; it ends when the logger hears of it, or with what comes next."""
        if self.followed is not None:
            folder = getattr(trainer.checkpoint_callback, "dirpath", None)
            self.followed.begin_checkpoint(folder or trainer.default_root_dir)

    @guarded
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the last epoch, and what was logged of it."""
        self._end()

    @guarded
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End a run of its own as failed; in another's, end the loops."""
        self._end()
        self.held.close(exception)

    def _begin_eval(self, mode: Mode, lengths: list[int | float], *, ends_epoch: bool = False) -> None:
        """Lightning logs means of an epoch behind the validation that ends it."""
        self.mode = mode
        if self.followed is None:
            self.followed = FollowedTraining(self.logger.experiment, None)
        self.followed.begin_eval(mode, _whole(sum(lengths)), more_to_log=ends_epoch)

    def _end(self) -> None:
        followed, self.followed = self.followed, None
        if followed is not None:
            followed.end()


def _whole(number: float) -> int | None:
    """A number of batches, or None where it is infinite."""
    return int(number) if number != float("inf") else None
