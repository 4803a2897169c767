"""A meter whose callbacks may fail: the others go on, and each failure is handed over."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

Callback = Callable[[CallbackOptions], Iterable[Observation]]


class GuardedMeters:
    """Stands in for a meter provider where a library asks for its meter.

    The SDK would log the failure of a callback with its traceback at each collection.

    Args:
        provider: Makes the instruments.
        note_fault: Gets what a callback raised.
    """

    def __init__(self, provider: MeterProvider, note_fault: Callable[[Exception], None]) -> None:
        self._provider = provider
        self._note_fault = note_fault

    def get_meter(self, *args: Any, **kwargs: Any) -> "GuardedMeter":
        """Return a meter, by the arguments of OpenTelemetry's ``get_meter``."""
        return GuardedMeter(self._provider.get_meter(*args, **kwargs), self._note_fault)


class GuardedMeter:
    """Has the ``create_observable_*`` methods of a meter.

    Args:
        meter: Makes the instruments.
        note_fault: Gets what a callback raised.
    """

    def __init__(self, meter: Any, note_fault: Callable[[Exception], None]) -> None:
        self._meter = meter
        self._note_fault = note_fault

    def __getattr__(self, name: str) -> Callable[..., Any]:
        create = getattr(self._meter, name)

        def create_guarded(*args: Any, callbacks: Sequence[Callback] = (), **kwargs: Any) -> Any:
            return create(*args, callbacks=[self._guard(callback) for callback in callbacks], **kwargs)

        return create_guarded

    def _guard(self, callback: Callback) -> Callback:
        def observe(options: CallbackOptions) -> Iterator[Observation]:
            try:
                yield from callback(options)
            except Exception as error:  # noqa: BLE001 - counted; what was observed before it leaves
                self._note_fault(error)

        return observe
