"""What is wrapped in MMEngine while the integration is on, and the run that it all goes to."""

import logging
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.integrations.mmengine import runner_hooks
from otel_mmlog.integrations.mmengine.options import RunnerOptions
from otel_mmlog.integrations.mmengine.patches import Patches
from otel_mmlog.integrations.mmengine.registry_calls import RegistryCalls
from otel_mmlog.integrations.mmengine.runner_runs import RunnerRuns
from otel_mmlog.integrations.mmengine.sink import Buffer
from otel_mmlog.integrations.mmengine.tap import Tap

_log = logging.getLogger("otel_mmlog")


class Integration:
    """Everything of one `MMEngineInstrumentor.instrument`.

    Args:
        options: What the user said about the runs.
        on_remove: Called when it is turned off.

    Attributes:
        options: For the next run.
        run: The run of the latest runner, a `RunnerRun`; None before the first and after the last.
        faults: Our own exceptions while no run was open: how many, by place and type.
    """

    def __init__(self, options: RunnerOptions, on_remove: Callable[[], None]) -> None:
        self.options = options
        self.run: Any = None
        self.faults: Counter[str] = Counter()
        self._removed = False
        self._on_remove = on_remove
        self._patches = Patches()
        self._buffer = Buffer()
        self._calls = RegistryCalls(self._buffer, self.note_fault)
        self._calls.enabled = True  # until a run says which level it has
        self._tap = Tap(self._take)
        self._tap.setLevel(logging.DEBUG)
        self._runs = RunnerRuns(self)
        self._has_flat_histories = False
        self._logging: ModuleType | None = None

    def hook(self, module: ModuleType) -> None:
        """Wrap what a module of MMEngine has; one that is not what we know it to be is left alone, and told of."""
        try:
            _HOOKS[module.__name__](self, module)
        except Exception as error:  # noqa: BLE001 - told; importing MMEngine must not fail for our sake
            self._patches.missing.append(f"{module.__name__} ({type(error).__name__}: {error})")
        if module.__name__ == "mmengine.runner":
            self._tell_missing()

    def set_options(self, options: RunnerOptions) -> None:
        """Take other options, for the next run."""
        self.options = options
        self._flatten()
        self._tell_missing()

    def current(self) -> Any:
        """The run that is open in this very process, or None."""
        run = self.run
        return None if run is None or run.closed or run.is_inherited else run

    def has_foreign_run(self) -> bool:
        """Whether no run may begin unasked: one that is not ours is open, or we are turned off."""
        from otel_mmlog.run_base import open_runs  # noqa: PLC0415 - most of what a run loads

        return self._removed or any(not run.is_inherited for run in open_runs)

    def begin(self, runner: Any, level: int) -> None:
        """Start the run of a runner, and end the one before it.

        Raises:
            ConfigError: An environment variable cannot be used.
        """
        from otel_mmlog.integrations.mmengine.run import RunnerRun  # noqa: PLC0415 - most of what a run loads
        from otel_mmlog.run_base import end_open_runs  # noqa: PLC0415

        start_ns = self.first_call_ns()
        left_open = end_open_runs()
        run = RunnerRun(runner, level, self.options, start_ns=start_ns, on_close=self.disconnect)
        self.connect(run)
        for other in left_open:
            if not isinstance(other, RunnerRun):
                run.tell(f"the run {other.run_id} was open and has been closed: one run a process at a time")
        if runner.cfg:
            run.send_config(runner.cfg.to_dict())

    def note_fault(self, name: str, error: Exception) -> None:
        """Count a fault of our own; the first of its kind is told."""
        run = self.current()
        if run is not None:
            run.note_fault(name, error)
            return
        key = f"{name}: {type(error).__name__}"
        self.faults[key] += 1
        if self.faults[key] == 1:
            _log.warning("%s failed (%s: %s); training goes on", name, type(error).__name__, error)

    def connect(self, run: Any) -> None:
        """Let everything go to a run, what was held back first."""
        self.run = run
        self._tap.setLevel(run.level)
        self._calls.enabled = run.level <= logging.DEBUG
        self._buffer.connect(run, spans=run.level <= logging.DEBUG)
        dropped, self._buffer.dropped = self._buffer.dropped, 0
        if dropped and run.level <= logging.DEBUG:  # above, few of them would have been written
            run.tell(
                f"{dropped} lines and registry calls from before this run were left out: they were too many"
            )

    def disconnect(self) -> None:
        """Hold everything back for the next run."""
        self._buffer.disconnect()
        self._calls.reopen()
        self._calls.enabled = True
        self._tap.setLevel(logging.DEBUG)

    def first_call_ns(self) -> int | None:
        """When the first call that is held back began, in Unix nanoseconds; None if there is none."""
        return self._buffer.first_ns()

    def remove(self) -> None:
        """Close the run, and leave MMEngine as it was."""
        self._removed = True
        run = self.current()
        if run is not None:
            run.close()
        self._tap.remove()
        self._runs.remove()
        self._patches.undo()
        MessageHub.follow(None)
        self._calls.enabled = False
        self._on_remove()

    def _hook_logging(self, module: ModuleType) -> None:
        self._logging = module
        if self._has(module, "MMLogger"):
            self._tap.wrap(self._patches, module.MMLogger)
        if self._has(module, "MessageHub"):
            MessageHub.follow(module.MessageHub.get_current_instance)
        self._flatten()

    def _hook_registry(self, module: ModuleType) -> None:
        if self._has(module, "Registry"):
            self._calls.wrap(self._patches, module.Registry)

    def _hook_runner(self, module: ModuleType) -> None:
        runner_hooks.wrap(self._patches, module, self._runs)

    def _tell_missing(self) -> None:
        missing, self._patches.missing = self._patches.missing, []
        if missing:
            _log.warning(
                "this MMEngine is not the one we know: %s could not be hooked, so that lines, spans or records may "
                "be missing; training goes on. Update otel-mmlog, or tell us which version it is.",
                ", ".join(missing),
            )

    def _has(self, module: ModuleType, name: str) -> bool:
        """Whether MMEngine has what we know it to have."""
        if hasattr(module, name):
            return True
        self._patches.missing.append(name)
        return False

    def _flatten(self) -> None:
        module = self._logging
        if module is None or self._has_flat_histories or not self.options.flat_history:
            return
        if hasattr(module, "MessageHub"):
            from otel_mmlog.integrations.mmengine import flat_hub  # noqa: PLC0415 - loads MMEngine

            self._has_flat_histories = True
            flat_hub.wrap(self._patches, module.MessageHub)

    def _take(self, record: logging.LogRecord) -> None:
        try:
            self._pass_on(record)
        except Exception as error:  # noqa: BLE001 - counted and told; a log call must not end training
            self.note_fault("logging", error)

    def _pass_on(self, record: logging.LogRecord) -> None:
        run = self.run
        if run is not None and run.take_line(record):
            return
        if self._calls.enabled:
            self._calls.log(record)
        else:
            self._buffer.write(record)


_HOOKS: dict[str, Callable[[Integration, ModuleType], None]] = {
    "mmengine.logging": Integration._hook_logging,
    "mmengine.registry": Integration._hook_registry,
    "mmengine.runner": Integration._hook_runner,
}
MODULES = tuple(_HOOKS)
"""The modules of MMEngine that `Integration.hook` wants, each as soon as it is imported."""
