"""Metrics of the machine, its GPUs and this process, from a thread of their own: only where a user asks for them."""

import fnmatch
import importlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.otel.gpus import find_gpus, observe_gpus
from otel_mmlog.otel.guarded_meter import GuardedMeters
from otel_mmlog.otel.providers import RunMeterProvider
from otel_mmlog.otel.run_points import RunPointExporter
from otel_mmlog.otel.semconv import SCOPE_NAME

CLOSE_S = 0.5
"""Seconds that the end of a run waits for the last points at most."""
EXCLUDED = "OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS"
"""The library's variable: patterns of names, separated by commas."""

_log = logging.getLogger("otel_mmlog")
_LIBRARY = "opentelemetry.instrumentation.system_metrics"
_NVML = "pynvml"
_Config = dict[str, list[str] | None]

# The deprecated process.runtime.* and what costs more than it tells (each socket of the machine) are left out.
_PROCESS: _Config = {
    "process.cpu.time": ["user", "system"],
    "process.cpu.utilization": None,
    "process.memory.usage": None,
    "process.memory.virtual": None,
    "process.disk.io": ["read", "write"],
    "process.context_switches": ["involuntary", "voluntary"],
    "process.open_file_descriptor.count": None,
    "process.thread.count": None,
}
_MACHINE: _Config = {
    "system.cpu.time": ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"],
    "system.memory.usage": ["used", "free", "cached", "buffers"],
    "system.memory.utilization": ["used"],
    "system.disk.io": ["read", "write"],
    "system.network.io": ["transmit", "receive"],
    "system.network.errors": ["transmit", "receive"],
}


def load_system_packages() -> None:
    """Import what the metrics are read with, before there is a thread: a fork beside an import could hang the child.

    Raises:
        ConfigError: A package is missing; the message says what to install.
    """
    for name in (_LIBRARY, _NVML):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(
                f"system_metrics is True, but {error.name or name} cannot be imported ({error}): "
                "pip install 'otel-mmlog[system]', or leave system_metrics out."
            ) from error


class SystemMetrics:
    """Collects, from `start` on, every few seconds and a last time at `close`.

    A forked child inherits no thread, and nothing starts one there: the SDK's own periodic reader would.

    Args:
        exporter: Takes the points.
        resource: The attributes of the process.
        machine: Whether to tell of the machine and its GPUs too: one process a machine does.
        excluded: Patterns of metric names of the library to leave out.
        note_fault: Counts an exception; the first is told.
        interval_s: Seconds from one collection to the next.
    """

    def __init__(
        self,
        exporter: RunPointExporter,
        resource: Mapping[str, Any],
        *,
        machine: bool,
        excluded: tuple[str, ...] = (),
        note_fault: Callable[[str, Exception], None],
        interval_s: float,
    ) -> None:
        self._exporter = exporter
        self._resource = Resource(dict(resource))
        self._machine = machine
        self._config = _config(machine=machine, excluded=excluded)
        self._note_fault = note_fault
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otel_mmlog system metrics", daemon=True)

    def start(self) -> None:
        """Start the thread, which does everything else; a machine that has none left is a fault that is told."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self._note(error)

    def close(self) -> None:
        """Collect a last time and end the series; what takes longer than `CLOSE_S` is given up."""
        self._stopping.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join(CLOSE_S)
        self._exporter.end_series(time.time_ns())

    def _run(self) -> None:
        try:
            reader = PeriodicExportingMetricReader(self._exporter, math.inf)  # no thread, nothing at a fork
            views = [View(instrument_name="system.cpu.time", attribute_keys={"state"})]  # the sum of all CPUs
            provider = RunMeterProvider([reader], self._resource, shutdown_on_exit=False, views=views)
            meters = GuardedMeters(provider, self._note)
            _observe_system(meters, self._config)
            nvml = self._observe_gpus(meters) if self._machine else None
            self._collect_until_closed(reader)
            if nvml is not None:
                nvml.nvmlShutdown()
        except Exception as error:  # noqa: BLE001 - counted and told; training goes on without these metrics
            self._note(error)

    def _collect_until_closed(self, reader: PeriodicExportingMetricReader) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.is_set()
            try:
                reader.collect()
            except Exception as error:  # noqa: BLE001 - counted; the next collection may do
                self._note(error)
            self._stopping.wait(self._interval_s)

    def _observe_gpus(self, meters: GuardedMeters) -> Any:
        """Return the initialised NVML, or None where there is no GPU of NVIDIA."""
        nvml = importlib.import_module(_NVML)
        try:
            nvml.nvmlInit()
            observe_gpus(meters.get_meter(SCOPE_NAME), nvml, find_gpus(nvml))
        except nvml.NVMLError as error:
            _log.info("GPU metrics are left out: %s", error)
            return None
        return nvml

    def _note(self, error: Exception) -> None:
        self._note_fault("system metrics", error)


def parse_patterns(text: str) -> tuple[str, ...]:
    """Split ``process.*,system.disk.io`` at its commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _config(*, machine: bool, excluded: tuple[str, ...]) -> _Config:
    wanted = {**_MACHINE, **_PROCESS} if machine else _PROCESS
    return {
        name: states
        for name, states in wanted.items()
        if not any(fnmatch.fnmatch(name, pattern) for pattern in excluded)
    }


def _observe_system(meters: GuardedMeters, config: _Config) -> None:
    """Make the library's instruments, also where ``opentelemetry-instrument`` has made some for itself."""
    library = importlib.import_module(_LIBRARY).SystemMetricsInstrumentor
    # The library keeps one object a class, and its state in it.
    own = type(
        "RunSystemMetrics", (library,), {"_instance": None, "_is_instrumented_by_opentelemetry": False}
    )
    own(config=config).instrument(meter_provider=meters, skip_dep_check=True)
