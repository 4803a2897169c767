"""XGBoost: ``xgboost.train(..., callbacks=[MMLogCallback("name")])``, with the scikit-learn classes and ``cv``, too.

Each boosting round is an iteration, with the metrics of each set in ``evals``: those of a set that is called
``train`` in train records, those of others in val records.
"""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from otel_mmlog.integrations.followed import FollowedTraining
from otel_mmlog.integrations.held_run import AS_LOGGED, HeldRun, guarded
from otel_mmlog.integrations.names import translated_all
from otel_mmlog.integrations.needed import needed

with needed("xgboost"):
    from xgboost.callback import TrainingCallback


class MMLogCallback(TrainingCallback):
    """Writes what a training does to a run: the open one, or one that begins with the training.

    A run of its own stays open behind the training, until the process ends, the next ``otel_mmlog.init``, or
    ``callback.held.close()``. A copy of the callback, such as scikit-learn makes of each model, has no run yet.

    Args:
        experiment_name: Names the files.
        **options: Further arguments of `otel_mmlog.init`.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument.
    """

    def __init__(self, experiment_name: str = "xgboost", **options: Any) -> None:
        super().__init__()
        self.held = HeldRun(experiment_name, options)
        self._followed: FollowedTraining | None = None

    def __reduce__(self) -> tuple[Callable[[], "MMLogCallback"], tuple[()], dict[str, Any]]:
        make = functools.partial(_without_run, type(self), self.held.experiment_name, self.held.options)
        state = {name: value for name, value in vars(self).items() if name not in ("held", "_followed")}
        return make, (), state

    def before_training(self, model: Any) -> Any:
        """Open the run, unless one is open, and begin the loop.

        Raises:
            ConfigError: An option or an environment variable cannot be used.
        """
        run = self.held.get("xgboost", by_epoch=False, interval=1, mean_pattern=AS_LOGGED)
        self._end()  # of a training that an exception has left
        self._followed = FollowedTraining(run, None)
        self._begin(model)
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Begin a round."""
        self._begin_round()
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """End a round, and log its metrics; it never ends the training."""
        self._end_round(evals_log)
        return False

    def after_training(self, model: Any) -> Any:
        """End the loop; the run stays open."""
        self._end()
        return model

    @guarded
    def _begin(self, model: Any) -> None:
        if self._followed is None:
            return
        model = getattr(model, "cvfolds", [model])[0]  # of a cross-validation, whose folds are alike
        model = getattr(model, "bst", model)
        self._followed.run.config.update(_settings(json.loads(model.save_config())))
        self._followed.begin()
        self._followed.begin_epoch(model.num_boosted_rounds())

    @guarded
    def _begin_round(self) -> None:
        if self._followed is not None:
            self._followed.begin_step()

    @guarded
    def _end_round(self, evals_log: Mapping[str, Mapping[str, Any]]) -> None:
        if self._followed is None:
            return
        self._followed.end_step()
        scalars: dict[str, Any] = {}
        for data, metrics in evals_log.items():
            for metric, history in metrics.items():
                latest = history[-1]
                mean, *deviation = latest if isinstance(latest, tuple) else (latest,)
                scalars[f"{data}/{metric}"] = mean
                scalars.update({f"{data}/{metric}_std": value for value in deviation})
        self._followed.log(translated_all(scalars, "val"))

    @guarded
    def _end(self) -> None:
        followed, self._followed = self._followed, None
        if followed is not None:
            followed.end()


def _without_run(
    kind: type[MMLogCallback], experiment_name: Any, options: Mapping[str, Any]
) -> MMLogCallback:
    """A callback of a kind, whose own arguments may be others than these."""
    made = kind.__new__(kind)
    MMLogCallback.__init__(made, experiment_name, **options)
    return made


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of training and trees, as XGBoost spells them, of all that it calls its configuration."""
    learner = config["learner"]
    booster = learner.get("gradient_booster", {})
    return {**learner.get("learner_train_param", {}), **booster.get("tree_train_param", {})}
