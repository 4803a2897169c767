"""Charts, which a run does not keep: ``wandb.plot.line`` and the like."""

from typing import Any

from otel_mmlog.compat.wandb.data import CustomChart


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return CustomChart
