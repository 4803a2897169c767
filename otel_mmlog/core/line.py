"""The MMEngine text line of a record, without time and level: the only place that knows this format.

``Epoch(train) [1][10/25]  lr: 1.0000e-02  eta: 0:00:07  time: 0.0019  data_time: 0.0004  loss: 1.7388``
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from otel_mmlog.core.progress import Progress
from otel_mmlog.core.shown import line_text
from otel_mmlog.core.tensors import is_tensor

_LONGEST_ETA_S = 86_400 * 999_999_999


def iter_line(
    progress: Progress,
    values: Mapping[str, Any],
    rates: Mapping[str, Any],
    *,
    num_digits: int,
    memory_mib: int | None = None,
) -> str:
    """The line inside a loop.

    Args:
        progress: Where the loop stands.
        values: Name -> value in the order of the histories, learning rates left out.
        rates: Name -> learning rate, printed first and with an exponent.
        num_digits: Digits after the point.
        memory_mib: Peak device memory, or None without a device.
    """
    rest = dict(values)
    text = (
        _iter_header(progress)
        + " ".join(f"{name}: {_as_float(rate, num_digits, 'e')}" for name, rate in rates.items())
        + "  "
    )
    if progress.eta_s is not None and "time" in rest and "data_time" in rest:
        time, data_time = rest.pop("time"), rest.pop("data_time")
        text += f"eta: {_duration(progress.eta_s)}  "
        text += (
            f"time: {_as_float(time, num_digits, 'f')}  data_time: {_as_float(data_time, num_digits, 'f')}  "
        )
    if memory_mib is not None:
        text += f"memory: {memory_mib}  "
    if (
        progress.mode != "train"
    ):  # MMEngine shows losses that a val loop logs under their full name, and no others
        rest = {
            name: value
            for name, value in rest.items()
            if progress.mode == "val" and name.startswith("val/loss")
        }
    spec = f".{num_digits}f"
    return text + "  ".join([f"{name}: {_number(value, spec)}" for name, value in rest.items()])


def epoch_line(progress: Progress, values: Iterable[tuple[str, Any]], *, num_digits: int) -> str:
    """The line that sums a val or test loop up; arrays and tensors among the values get lines of their own."""
    length = progress.batch_idx + 1 if progress.loader_len is None else progress.loader_len
    epoch = f"[{progress.epoch}]" if progress.by_epoch and progress.mode == "val" else ""
    spec = f".{num_digits}f"
    items = "  ".join(f"{name}: {_metric(value, spec)}" for name, value in values)
    return f"{_unit(progress)}({progress.mode}) {epoch}[{length}/{length}]    {items}"


def _iter_header(progress: Progress) -> str:
    if not progress.by_epoch and progress.mode == "train":
        return f"Iter(train) {_position(progress.iter, progress.max_iters)}  "
    epoch = _epoch(progress) if progress.by_epoch and progress.mode != "test" else " "
    return (
        f"{_unit(progress)}({progress.mode}){epoch}{_position(progress.batch_idx + 1, progress.loader_len)}  "
    )


def _unit(progress: Progress) -> str:
    return "Epoch" if progress.by_epoch else "Iter"


def _position(at: int, end: int | None) -> str:
    """``[ 10/270]``: as wide as the end, so that the lines of a loop align."""
    last = "?" if end is None else str(end)
    return f"[{str(at).rjust(len(last))}/{last}]"


def _epoch(progress: Progress) -> str:
    """``  [9]``: as wide as the last epoch and the space before it; no space where there is no train loop."""
    text = f"[{progress.epoch}]"
    if progress.max_epochs is not None:
        return text.rjust(len(str(progress.max_epochs)) + 3)
    return f" {text}" if progress.epoch else text


def _duration(seconds: float) -> str:
    if not abs(seconds) < _LONGEST_ETA_S:  # NaN is not smaller either
        return "?"
    return str(timedelta(seconds=int(seconds)))


def _number(value: Any, spec: str) -> str:
    return format(value, spec) if isinstance(value, float) else line_text(value, format)


def _as_float(value: Any, num_digits: int, kind: str) -> str:
    """Ints and bools as floats too; whatever else a statistic returned as it is."""
    return (
        f"{float(value):.{num_digits}{kind}}"
        if isinstance(value, (int, float, np.number, np.bool_))
        else line_text(value, format)
    )


def _metric(value: Any, spec: str) -> str:
    if isinstance(value, np.ndarray) or is_tensor(value):
        return f"\n{line_text(value, format)}\n"
    return _number(value, spec)
