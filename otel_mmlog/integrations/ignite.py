"""Ignite: ``MMLogHandler("name").attach(trainer, evaluators={"val": evaluator})``.

Each rank that attaches it has its own part of the run. The output of the trainer is logged with each step (a number
is the loss), the metrics of trainer and evaluators when their epochs end.
"""

from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any

from otel_mmlog.core.checks import check_choice
from otel_mmlog.core.progress import MODES, Mode
from otel_mmlog.integrations.followed import FollowedTraining
from otel_mmlog.integrations.held_run import HeldRun, guarded
from otel_mmlog.integrations.names import translated_all
from otel_mmlog.integrations.needed import needed

with needed("ignite"):
    from ignite.engine import Engine, Events
    from torch.optim import Optimizer

Evaluators = Mapping[Mode, Engine]
ToScalars = Callable[[Any], Mapping[str, Any]]


def scalars_of(output: Any) -> Mapping[str, Any]:
    """The scalars in a step's output: a mapping's numbers, or one number, which is the loss."""
    if isinstance(output, Mapping):
        return {str(name): value for name, value in output.items() if _is_number(value)}
    return {"loss": output} if _is_number(output) else {}


class MMLogHandler:
    """Follows engines, and writes what they do to a run: the open one, or one that begins with the training.

    A run of its own stays open behind the training, until the process ends, the next ``otel_mmlog.init``, or
    ``handler.held.close()``.

    Args:
        experiment_name: Names the files.
        output_transform: Makes scalars of a step's output.
        **options: Further arguments of `otel_mmlog.init`.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument.
    """

    def __init__(
        self, experiment_name: str = "ignite", *, output_transform: ToScalars = scalars_of, **options: Any
    ) -> None:
        self.held = HeldRun(experiment_name, options)
        self._to_scalars = output_transform
        self._followed: FollowedTraining | None = None
        self._optimizer: Optimizer | None = None

    def attach(
        self, trainer: Engine, *, evaluators: Evaluators | None = None, optimizer: Optimizer | None = None
    ) -> "MMLogHandler":
        """Follow engines.

        Args:
            trainer: The engine that trains.
            evaluators: ``"val"`` or ``"test"`` -> the engine that runs it.
            optimizer: Its learning rate is logged with each step; None to leave it out.

        Returns:
            This handler.

        Raises:
            ConfigError: An evaluator is named otherwise.
        """
        self._optimizer = optimizer
        for event, handler in (
            (Events.STARTED, self.on_started),
            (Events.EPOCH_STARTED, self.on_epoch_started),
            (Events.ITERATION_STARTED, self.on_iteration_started),
            (Events.ITERATION_COMPLETED, self.on_iteration_completed),
            (Events.EPOCH_COMPLETED, self.on_epoch_completed),
            (Events.COMPLETED, self.on_completed),
        ):
            trainer.add_event_handler(event, handler)
        for mode, evaluator in (evaluators or {}).items():
            check_choice(
                mode, "the name of an evaluator", {each: "a loop" for each in MODES if each != "train"}
            )
            evaluator.add_event_handler(Events.STARTED, self.on_evaluation_started, mode)
            evaluator.add_event_handler(Events.ITERATION_STARTED, self.on_evaluation_step)
            evaluator.add_event_handler(Events.ITERATION_COMPLETED, self.on_evaluation_step_completed)
            evaluator.add_event_handler(Events.COMPLETED, self.on_evaluation_completed, mode)
        return self

    def on_started(self, engine: Engine) -> None:
        """Open the run, unless one is open, and begin the loops.

        Raises:
            ConfigError: An option or an environment variable cannot be used.
        """
        self.on_completed(engine)  # of a training that an exception has left
        self._followed = FollowedTraining(self.held.get("ignite"), None)
        self._begin(engine)

    @guarded
    def on_epoch_started(self, engine: Engine) -> None:
        """Begin an epoch."""
        if self._followed is not None:
            self._followed.begin_epoch(engine.state.iteration)

    @guarded
    def on_iteration_started(self, _engine: Engine) -> None:
        """Begin a step, whose batch has arrived."""
        if self._followed is not None:
            self._followed.begin_step()

    @guarded
    def on_iteration_completed(self, engine: Engine) -> None:
        """End a step, and log its output."""
        if self._followed is None:
            return
        self._followed.end_step()
        scalars = dict(self._to_scalars(engine.state.output))
        if self._optimizer is not None:
            scalars["lr"] = self._optimizer.param_groups[0]["lr"]
        self._followed.log(translated_all(scalars, "train"))

    @guarded
    def on_epoch_completed(self, engine: Engine) -> None:
        """Log the metrics of an epoch."""
        if self._followed is not None and engine.state.metrics:
            self._followed.log(translated_all(scalars_of(engine.state.metrics), "train"))

    @guarded
    def on_completed(self, _engine: Engine) -> None:
        """End the loops; the run stays open."""
        followed, self._followed = self._followed, None
        if followed is not None:
            followed.end()

    @guarded
    def on_evaluation_started(self, engine: Engine, mode: Mode) -> None:
        """Begin a validation or a test."""
        self._following().begin_eval(mode, engine.state.epoch_length)

    @guarded
    def on_evaluation_step(self, _engine: Engine) -> None:
        """Begin a step of a validation."""
        self._following().begin_eval_step()

    @guarded
    def on_evaluation_step_completed(self, _engine: Engine) -> None:
        """End a step of a validation."""
        self._following().end_eval_step()

    @guarded
    def on_evaluation_completed(self, engine: Engine, mode: Mode) -> None:
        """End a validation, and log its metrics."""
        followed = self._following()
        followed.end_aside()
        followed.log(translated_all(scalars_of(engine.state.metrics), mode))

    def _following(self) -> FollowedTraining:
        if self._followed is None:
            self._followed = FollowedTraining(self.held.get("ignite"), None)
        return self._followed

    @guarded
    def _begin(self, engine: Engine) -> None:
        if self._followed is None:
            return
        state = engine.state
        length, epochs = state.epoch_length, state.max_epochs
        self._followed.begin(
            max_epochs=epochs,
            epoch=state.epoch,
            length=length,
            max_iters=length * epochs if length and epochs else state.max_iters,
        )


def _is_number(value: Any) -> bool:
    """Whether it is one number, of Python, numpy or torch."""
    return isinstance(value, Number) or getattr(value, "ndim", None) == 0
