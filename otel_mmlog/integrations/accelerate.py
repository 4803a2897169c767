"""Accelerate: ``Accelerator(log_with=MMLogTracker("name"))``.

Accelerate logs on its main process only, so only that one opens a run; each call of ``accelerator.log`` is a
record. Where each rank shall have its part, each calls ``otel_mmlog.init`` first: the tracker then logs to the open
run, and ``for batch in run.train(loader)`` times the loops.
"""

from typing import Any

from otel_mmlog.integrations.held_run import AS_LOGGED, HeldRun, guarded
from otel_mmlog.integrations.names import translated_all
from otel_mmlog.integrations.needed import needed
from otel_mmlog.run import Run

with needed("accelerate"):
    from accelerate.tracking import GeneralTracker, on_main_process


class MMLogTracker(GeneralTracker):
    """Writes what is logged with an `Accelerator` to a run: the open one, or one that begins with ``init_trackers``.

    Args:
        experiment_name: Names the files.
        **options: Further arguments of `otel_mmlog.init`.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument.
    """

    name = "otel_mmlog"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, experiment_name: str = "accelerate", **options: Any) -> None:
        super().__init__()
        self.held = HeldRun(experiment_name, options)
        self._started = False

    @property
    def tracker(self) -> Run | None:
        """The run, or None where none is open."""
        return self.held.open

    @on_main_process
    def start(self) -> None:
        """Open the run.

        Raises:
            ConfigError: An option or an environment variable cannot be used.
        """
        self._started = True
        self.held.get("accelerate", by_epoch=False, interval=1, mean_pattern=AS_LOGGED)

    @on_main_process
    @guarded
    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Put the settings into the run's config."""
        run = self._run()
        if run is not None:
            run.config.update(values)

    @on_main_process
    @guarded
    def log(self, values: dict[str, Any], step: int | None = None, **_kwargs: Any) -> None:
        """Log scalars; texts become a line."""
        run = self._run()
        if run is None:
            return
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        for name, text in texts.items():
            run.logger.info(name, text=text)
        scalars = {name: value for name, value in values.items() if name not in texts and name != "epoch"}
        run.log(translated_all(scalars, "train"), step=step)

    @on_main_process
    @guarded
    def finish(self) -> None:
        """End a run of its own."""
        self.held.close()

    def _run(self) -> Run | None:
        """The open run, which an Accelerator that does not call `start` has not opened yet."""
        if not self._started:
            self.start()
        return self.held.open
