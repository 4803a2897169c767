"""A machine's NVIDIA GPUs as metrics, under the names of OpenTelemetry's conventions for hardware."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from opentelemetry.metrics import CallbackOptions, Observation

_Read = Callable[[Any], float]


class Gpu(NamedTuple):
    """One GPU.

    Attributes:
        handle: NVML's.
        attributes: On each of its points; ``hw.id`` is the UUID, ``hw.name`` is ``gpu`` and its index.
    """

    handle: Any
    attributes: dict[str, str]


def find_gpus(nvml: Any) -> list[Gpu]:
    """Return every GPU that the driver shows to this process, whatever ``CUDA_VISIBLE_DEVICES`` says.

    Args:
        nvml: The module ``pynvml``, initialised.
    """
    return [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]


def observe_gpus(meter: Any, nvml: Any, gpus: Sequence[Gpu]) -> None:
    """Make the instruments of some GPUs; what a GPU does not measure has no point.

    Args:
        meter: Makes the instruments.
        nvml: The module ``pynvml``, initialised for as long as the instruments are read.
        gpus: What to observe.
    """

    def callback(read: _Read, **attributes: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        return lambda _options: _observe(nvml, gpus, read, attributes)

    meter.create_observable_gauge(
        name="hw.gpu.utilization",
        unit="1",
        description="Fraction of the time in which the GPU ran anything.",
        callbacks=[
            callback(
                lambda handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
                **{"hw.gpu.task": "general"},
            )
        ],
    )
    meter.create_observable_up_down_counter(
        name="hw.gpu.memory.usage",
        unit="By",
        description="Memory of the GPU that is in use.",
        callbacks=[callback(lambda handle: nvml.nvmlDeviceGetMemoryInfo(handle).used)],
    )
    meter.create_observable_up_down_counter(
        name="hw.gpu.memory.limit",
        unit="By",
        description="Memory that the GPU has.",
        callbacks=[callback(lambda handle: nvml.nvmlDeviceGetMemoryInfo(handle).total)],
    )
    meter.create_observable_gauge(
        name="hw.power",
        unit="W",
        description="Power that the component draws now.",
        callbacks=[callback(lambda handle: nvml.nvmlDeviceGetPowerUsage(handle) / 1000)],  # NVML: milliwatts
    )
    meter.create_observable_gauge(
        name="hw.temperature",
        unit="Cel",
        description="Temperature of the component.",
        callbacks=[
            callback(lambda handle: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        ],
    )


def _observe(
    nvml: Any, gpus: Sequence[Gpu], read: _Read, attributes: dict[str, str]
) -> Iterator[Observation]:
    """Yield one value a GPU.

    Raises:
        NVMLError: The last of those that GPUs failed with, behind the values of the others.
    """
    failure: Exception | None = None
    for gpu in gpus:
        try:
            value = read(gpu.handle)
        except nvml.NVMLError as error:
            if error.value != nvml.NVML_ERROR_NOT_SUPPORTED:
                failure = error
        else:
            yield Observation(value, {**gpu.attributes, **attributes})
    if failure is not None:
        raise failure


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    attributes = {
        "hw.id": _text(nvml.nvmlDeviceGetUUID(handle)),
        "hw.name": f"gpu{index}",
        "hw.model": _text(nvml.nvmlDeviceGetName(handle)),
        "hw.vendor": "NVIDIA",
        "hw.type": "gpu",
    }
    return Gpu(handle, attributes)


def _text(value: Any) -> str:
    """NVML's bindings gave bytes before version 12."""
    return value.decode() if isinstance(value, bytes) else str(value)
