"""Hugging Face transformers: ``Trainer(..., callbacks=[MMLogCallback()])``.

The callback runs on every rank, and each rank has its own part of the run. Records come as often as the trainer logs
(``logging_steps``), with the trainer's own numbers; loops, checkpoints and validations are timed as everywhere.
"""

from pathlib import Path
from typing import Any

from otel_mmlog.integrations.followed import FollowedTraining
from otel_mmlog.integrations.held_run import AS_LOGGED, HeldRun, guarded, name_of
from otel_mmlog.integrations.names import translated_all
from otel_mmlog.integrations.needed import needed
from otel_mmlog.loops.state import length_of

with needed("transformers"):
    from transformers.trainer_callback import TrainerCallback, TrainerControl, TrainerState
    from transformers.training_args import TrainingArguments


class MMLogCallback(TrainerCallback):
    """Writes what a `Trainer` does to a run: the open one, or one that begins with the training.

    A run of its own stays open behind the training, for ``trainer.evaluate()``, until the process ends, the next
    ``otel_mmlog.init``, or ``callback.held.close()``.

    Args:
        experiment_name: Names the files; None for the trainer's ``run_name``, or the name of its ``output_dir``.
        **options: Further arguments of `otel_mmlog.init`.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument.
    """

    def __init__(self, experiment_name: str | None = None, **options: Any) -> None:
        super().__init__()
        self.held = HeldRun(experiment_name, options)
        self._followed: FollowedTraining | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the run, unless one is open, and begin the loops.

        Raises:
            ConfigError: An option or an environment variable cannot be used.
        """
        steps = int(state.logging_steps or 0)
        run = self.held.get(
            str(getattr(args, "run_name", None) or name_of(args.output_dir, "trainer")),
            by_epoch=False,
            mean_pattern=AS_LOGGED,
            window_size=max(steps, 1),
            resume=state.global_step > 0,
        )
        self.on_train_end(args, state, control)  # of a training that an exception has left
        self._followed = FollowedTraining(run, self.held.interval(steps))
        self._begin(args, state, **kwargs)

    @guarded
    def _begin(self, args: TrainingArguments, state: TrainerState, **kwargs: Any) -> None:
        if self._followed is None:
            return
        self._followed.run.config.update(_settings(args, kwargs.get("model")))
        epochs = max(int(state.num_train_epochs), 1)
        batches = length_of(kwargs.get("train_dataloader") or ())
        length = -(-batches // args.gradient_accumulation_steps) if batches else None
        self._followed.begin(
            max_epochs=epochs,
            epoch=state.global_step // length if length else int(state.epoch or 0),
            length=length,
            max_iters=state.max_steps or None,
        )

    @guarded
    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin an epoch."""
        if self._followed is not None:
            self._followed.begin_epoch(state.global_step)

    @guarded
    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin a step, whose batches have arrived."""
        if self._followed is not None:
            self._followed.begin_step()

    @guarded
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End a step."""
        if self._followed is not None:
            self._followed.end_step()
        self._begin_aside(args, state, control)

    @guarded
    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """See whether a validation or a checkpoint comes."""
        self._begin_aside(args, state, control)

    @guarded
    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log what the trainer logs."""
        followed, logs = self._following(), kwargs.get("logs") or {}
        if followed is None:
            return
        if "train_runtime" in logs:
            followed.end()
            followed.run.logger.info("Training is over", **logs)
            return
        if followed.evaluates:
            followed.end_aside()
        followed.log(translated_all(logs, "train", leave_out=("epoch",)), step=state.global_step)
        self._begin_aside(args, state, control, evaluated=any(name.startswith("eval_") for name in logs))

    @guarded
    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count a step of a validation that training waits for; others leave their metrics alone."""
        followed = self._followed
        if followed is not None:
            if not followed.evaluates:
                followed.begin_eval("val")
            followed.end_eval_step(_length(kwargs))

    @guarded
    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End a validation."""
        if self._followed is not None:
            self._followed.end_aside()
        self._begin_aside(args, state, control)

    @guarded
    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the metrics of a test."""
        followed = self._following()
        if followed is not None:
            followed.end_aside()
            followed.log(translated_all(kwargs.get("metrics") or {}, "test"), step=state.global_step)

    @guarded
    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the saving of a checkpoint."""
        if self._followed is not None:
            self._followed.end_aside()

    @guarded
    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the loops; the run stays open."""
        followed, self._followed = self._followed, None
        if followed is not None:
            followed.end()

    def _following(self) -> FollowedTraining | None:
        """The training, or outside of one what takes scalars; None without a run."""
        if self._followed is not None or self.held.open is None:
            return self._followed
        return FollowedTraining(self.held.open, None)

    def _begin_aside(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        evaluated: bool = False,
    ) -> None:
        """Begin what the trainer does next: it logs, validates and saves in this order."""
        if self._followed is None or control.should_log:
            return
        if control.should_evaluate:
            if not evaluated:
                self._followed.begin_eval("val")
        elif control.should_save:
            self._followed.count_step()
            self._followed.begin_checkpoint(Path(args.output_dir or "", f"checkpoint-{state.global_step}"))


def _length(kwargs: dict[str, Any]) -> int | None:
    loader = kwargs.get("eval_dataloader")
    return None if loader is None else length_of(loader)


def _settings(args: TrainingArguments, model: Any) -> dict[str, Any]:
    """The trainer's settings, tokens masked as transformers does it, and the model's."""
    settings: dict[str, Any] = {**args.to_sanitized_dict(), **args.to_dict()}  # the first makes texts of None
    to_dict = getattr(getattr(model, "config", None), "to_dict", None)
    if to_dict is not None:
        settings["model"] = to_dict()
    return settings
