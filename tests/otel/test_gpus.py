"""A machine's GPUs as metrics, over a stand-in for NVML."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_mmlog.otel.gpus import find_gpus, observe_gpus
from otel_mmlog.otel.guarded_meter import GuardedMeters
from tests.otel.nvml import Nvml


def observe(nvml: Nvml, faults: list[Exception]) -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe_gpus(GuardedMeters(provider, faults.append).get_meter("m"), nvml, find_gpus(nvml))
    return reader


def values(reader: InMemoryMetricReader) -> dict[tuple[str, Any], float]:
    """Collect once: metric and name of the GPU -> value."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        (metric.name, (point.attributes or {})["hw.name"]): point.value  # type: ignore[union-attr]  # numbers
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }


def test_each_gpu_has_its_points() -> None:
    """Utilization as a fraction, memory in bytes, power in watts, temperature in degrees."""
    faults: list[Exception] = []
    assert values(observe(Nvml(), faults)) == {
        ("hw.gpu.utilization", "gpu0"): 0.5,
        ("hw.gpu.utilization", "gpu1"): 0.51,
        ("hw.gpu.memory.usage", "gpu0"): 1000,
        ("hw.gpu.memory.usage", "gpu1"): 1001,
        ("hw.gpu.memory.limit", "gpu0"): 80_000,
        ("hw.gpu.memory.limit", "gpu1"): 80_000,
        ("hw.power", "gpu0"): 350.0,
        ("hw.power", "gpu1"): 350.001,
        ("hw.temperature", "gpu0"): 60,
        ("hw.temperature", "gpu1"): 61,
    }
    assert not faults


def test_who_a_gpu_is() -> None:
    """Its id is the UUID, which no restart changes; its name has the index."""
    assert [gpu.attributes for gpu in find_gpus(Nvml())] == [
        {
            "hw.id": f"GPU-{index}{index}",
            "hw.name": f"gpu{index}",
            "hw.model": model,
            "hw.vendor": "NVIDIA",
            "hw.type": "gpu",
        }
        for index, model in enumerate(["NVIDIA A100", "NVIDIA H100"])
    ]


def test_what_a_gpu_does_not_measure_has_no_point() -> None:
    """It is no fault: a partitioned GPU knows no utilization."""
    nvml, faults = Nvml(), list[Exception]()
    nvml.broken["utilization", 0] = Nvml.NVML_ERROR_NOT_SUPPORTED
    found = values(observe(nvml, faults))
    assert ("hw.gpu.utilization", "gpu0") not in found
    assert ("hw.gpu.utilization", "gpu1") in found
    assert not faults


def test_a_lost_gpu_is_a_fault_and_the_others_stay() -> None:
    """Each reading of it that fails is handed over; no other GPU and no other metric loses its point."""
    nvml, faults = Nvml(), list[Exception]()
    nvml.broken["power", 0] = 15
    found = values(observe(nvml, faults))
    assert ("hw.power", "gpu0") not in found
    assert len(found) == 9
    assert [str(fault) for fault in faults] == ["NVML error 15"]
