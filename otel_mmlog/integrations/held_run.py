"""The run that an adapter logs to: the one that is open, or one of its own."""

import functools
import inspect
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import shown
from otel_mmlog.run import Run
from otel_mmlog.run_base import open_runs
from otel_mmlog.start import init

AS_LOGGED = r"(^|/)(time|data_time)$"
"""A ``mean_pattern`` for frameworks that average on their own account: the loops' times alone are averaged again."""

_log = logging.getLogger("otel_mmlog")


class HeldRun:
    """Finds or opens a run, and ends it if it is its own.

    Args:
        experiment_name: Of a run of its own.
        options: Further arguments of `otel_mmlog.init` for it.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument.
    """

    def __init__(self, experiment_name: str | None, options: Mapping[str, Any]) -> None:
        known = inspect.signature(init).parameters
        unknown = [name for name in options if name not in known or name == "experiment_name"]
        if unknown:
            raise ConfigError(
                f"{shown(unknown[0])} is no argument of otel_mmlog.init, which has {', '.join(known)}"
            )
        self.experiment_name = experiment_name
        self.options = dict(options)
        self._own: Run | None = None
        self._told = False

    @property
    def open(self) -> Run | None:
        """The run of this process, or None."""
        return next((run for run in open_runs if isinstance(run, Run) and not run.is_inherited), None)

    @property
    def is_own(self) -> bool:
        """Whether the run that is open was opened here."""
        return self._own is not None and not self._own.closed

    def get(self, default_name: str, **defaults: Any) -> Run:
        """Return the open run, or open one.

        Args:
            default_name: The experiment's, if the user gave none.
            **defaults: What `otel_mmlog.init` is given where the user said nothing of it.

        Raises:
            ConfigError: An argument or an environment variable cannot be used.
        """
        if self.open is not None:
            return self.open
        self._own = init(self.experiment_name or default_name, **{**defaults, **self.options})
        return self._own

    def interval(self, framework: int) -> int | None:
        """Steps from one record to the next: the framework's in a run of its own, unless the user said more."""
        return framework if self.is_own and "interval" not in self.options and framework > 0 else None

    def take_over(self, other: "HeldRun") -> None:
        """Become the one that ends another adapter's run."""
        self._own, other._own = other._own, None

    def close(self, error: BaseException | None = None) -> None:
        """End a run of its own, as failed if there is an error; another's goes on."""
        run, self._own = self._own, None
        if run is not None and not run.closed and not run.is_inherited:
            run.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    def note(self, where: str, error: Exception) -> None:
        """Count a fault, which is told once, in the run or without one."""
        if self.open is not None:
            self.open.note_fault(where, error)
        elif not self._told:
            self._told = True
            _log.warning("%s: %s: %s", where, type(error).__name__, error)


Callback = TypeVar("Callback", bound=Callable[..., None])


def guarded(callback: Callback) -> Callback:
    """Make a method of an adapter raise nothing into training: what it cannot do is counted and told.

    The adapter has the run as ``held``.
    """

    @functools.wraps(callback)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - counted and told
            self.held.note(f"{type(self).__name__}.{callback.__name__}", error)

    return cast("Callback", call)


def name_of(folder: str | os.PathLike[str] | None, otherwise: str) -> str:
    """The name of an experiment after the folder of its checkpoints."""
    return os.path.basename(os.path.normpath(folder)) if folder else otherwise  # noqa: PTH119 - any PathLike
