"""The tags that a record has by itself, whoever computed the others."""

from typing import Any

import numpy as np

from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import Source


def put_position(values: dict[str, Any], sources: dict[str, Source], progress: Progress) -> None:
    """Set ``iter`` and, for runs that count epochs, ``epoch``."""
    if progress.by_epoch:
        put_own(values, sources, "epoch", progress.epoch)
    put_own(values, sources, "iter", progress.iter)


def put_own(values: dict[str, Any], sources: dict[str, Source], name: str, value: float) -> None:
    """Set a tag that is the record's own, over a scalar of that name, and last."""
    values.pop(name, None)
    sources.pop(name, None)
    values[name] = value


def plain_value(value: Any) -> Any:
    """Numbers as plain `int` and `float`; whatever else a statistic returned as it is."""
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1:
        value = value.item()
    return int(value) if isinstance(value, bool) else value
