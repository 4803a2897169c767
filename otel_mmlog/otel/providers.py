"""The SDK's providers without what they do in a forked child.

From 1.44 on, a provider detects its resource anew there, on a pool of threads and in the middle of the fork. The child
hangs where ``concurrent.futures.thread`` was imported later than the provider was made, since its lock is not free yet;
where it does not hang, its spans have another ``service.instance.id`` than its log records.
"""

import threading

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider


class RunTracerProvider(TracerProvider):
    """Keeps its resource in a forked child."""

    def _handle_fork(self) -> None:
        """Free what another thread of the parent may have held."""
        self._tracers_lock = threading.Lock()


class RunMeterProvider(MeterProvider):
    """Keeps its resource in a forked child."""

    def _handle_fork(self) -> None:
        """Free what another thread of the parent may have held, be it for all providers."""
        self._lock = threading.Lock()
        self._meter_lock = threading.Lock()
        MeterProvider._all_metric_readers_lock = threading.Lock()
