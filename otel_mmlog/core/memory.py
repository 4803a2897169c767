"""The peak memory of the accelerator, as MMEngine prints it; torch is used if it is loaded, never imported."""

import sys
from typing import Any


def has_device() -> bool:
    """Whether there is a CUDA device that torch, already loaded, can use."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available())


def peak_memory_mib(device: Any = None) -> int:
    """MiB that tensors took at most since the last call; torch must be loaded.

    Starts a new measurement, as MMEngine does.

    Args:
        device: The device that is asked; None for the current one.
    """
    cuda = sys.modules["torch"].cuda
    peak_bytes = int(cuda.max_memory_allocated(device=device))
    cuda.reset_peak_memory_stats()
    return peak_bytes // (1024 * 1024)
