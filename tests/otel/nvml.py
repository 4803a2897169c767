"""A stand-in for ``pynvml`` on machines without a GPU: its functions that are used, over GPUs made up by a test."""

from collections import Counter
from types import SimpleNamespace
from typing import Any


class NVMLError(Exception):
    """NVML's exception: ``value`` is its code."""

    def __init__(self, value: int) -> None:
        super().__init__(f"NVML error {value}")
        self.value = value


class Nvml:
    """Two GPUs.

    Attributes:
        calls: How often each function was called.
        broken: Function and GPU -> the code that it fails with.
    """

    NVMLError = NVMLError
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_TEMPERATURE_GPU = 0

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.broken: dict[tuple[str, int], int] = {}

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's names
        self.calls["init"] += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.calls["shutdown"] += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:  # noqa: N802
        return f"GPU-{handle}{handle}"

    def nvmlDeviceGetName(self, handle: int) -> bytes:  # noqa: N802
        return b"NVIDIA H100" if handle else b"NVIDIA A100"

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802
        return self._answer("utilization", handle, SimpleNamespace(gpu=50 + handle, memory=7))

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        return self._answer("memory", handle, SimpleNamespace(used=1000 + handle, total=80_000, free=1))

    def nvmlDeviceGetPowerUsage(self, handle: int) -> Any:  # noqa: N802
        return self._answer("power", handle, 350_000 + handle)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> Any:  # noqa: N802
        return self._answer("temperature", handle, 60 + handle + sensor)

    def _answer(self, name: str, handle: int, value: Any) -> Any:
        self.calls[name] += 1
        if (name, handle) in self.broken:
            raise NVMLError(self.broken[name, handle])
        return value
