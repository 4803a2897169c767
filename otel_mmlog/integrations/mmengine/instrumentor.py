"""Turns the integration on and off; loads neither MMEngine nor torch by itself."""

import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any, ClassVar

from wrapt import register_post_import_hook

from otel_mmlog.integrations.mmengine.integration import MODULES, Integration
from otel_mmlog.integrations.mmengine.options import check_runner_options
from otel_mmlog.settings import runner_settings


class _State:
    """What is true of the whole process."""

    active: Integration | None = None
    given: ClassVar[dict[str, Any]] = {}
    is_waiting = False


class MMEngineInstrumentor:
    """Connects every MMEngine ``Runner`` of this process to a run; all instances are one.

    It has the methods that ``opentelemetry-instrument`` calls, and does not need its package.
    """

    def instrument(self, **options: Any) -> None:
        """Turn the integration on; once it is on, options that are given replace those from before.

        MMEngine may be imported before or after. No file is made before a ``Runner`` is built.

        Args:
            **options: ``distributed`` (bool): whether ranks above 0 write text and JSON files above DEBUG too.
                ``layout``: ``'shared'`` (all ranks' files in work_dir), ``'separate'``, or ``'auto'`` to find out.
                ``ranks``: ``'0'`` where rank 0's metrics, logs and spans are enough.
                ``flat_history`` (bool): whether scalars are kept in our flat histories, which read a GPU's values
                at each record instead of each step. ``trace_ranks`` (int): with more ranks than this, each has a
                trace of its own. ``processors``: structlog processors that every event passes. ``system_metrics``
                (bool): whether a thread measures machine, GPUs and process; see `otel_mmlog.init`.
                Others, as OpenTelemetry's loader passes them, are an error only if they are none of its own.

        Raises:
            ConfigError: An option or an environment variable cannot be used.
        """
        given = {name: value for name, value in options.items() if name not in _LOADER_OPTIONS}
        before = _State.given if _State.active is not None else {}
        checked = check_runner_options({**before, **given, **runner_settings()})
        _State.given = {**before, **given}
        if _State.active is not None:
            _State.active.set_options(checked)
            return
        _State.active = Integration(checked, _uninstall)
        if _State.is_waiting:
            _hook_loaded()
        else:
            _State.is_waiting = True
            for name in MODULES:
                register_post_import_hook(_hook, name)

    def uninstrument(self, **_options: Any) -> None:
        """Close the run and restore every attribute; nothing happens if the integration is off."""
        if _State.active is not None:
            _State.active.remove()

    def instrumentation_dependencies(self) -> Collection[str]:
        """What has to be installed, for OpenTelemetry's loader: any version that has a ``Runner``."""
        return ()

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether the integration is on."""
        return _State.active is not None


def current_run() -> Any:
    """The run of the latest ``Runner`` of this process, or None."""
    return None if _State.active is None else _State.active.current()


_LOADER_OPTIONS = frozenset(
    ["skip_dep_check", "raise_exception_on_conflict", "tracer_provider", "meter_provider", "logger_provider"]
)


def _hook(module: ModuleType) -> None:
    if _State.active is not None:
        _State.active.hook(module)


def _hook_loaded() -> None:
    for name in MODULES:
        if name in sys.modules:
            _hook(sys.modules[name])


def _uninstall() -> None:
    _State.active = None
