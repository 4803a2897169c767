"""The MMEngine text line of a record, without time and level: the only place that knows this format.

``Epoch(train) [1][10/25]  lr: 1.0000e-02  eta: 0:00:07  time: 0.0019  data_time: 0.0004  loss: 1.7388``
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from otel_mmlog.core.collect import TIMES
from otel_mmlog.core.progress import Mode, Progress
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
    has_times = progress.eta_s is not None and "time" in values and "data_time" in values
    names = _shown_behind_times(tuple(values), progress.mode, has_times)
    scalars = [values[name] for name in names]
    times = [values[name] for name in TIMES] if has_times else []
    floats = {float}.issuperset(map(type, [*rates.values(), *times, *scalars]))
    if not floats:
        rates = {name: _as_float(rate, num_digits, "e") for name, rate in rates.items()}
        times = [_as_float(time, num_digits, "f") for time in times]
        scalars = [_number(value, f".{num_digits}f") for value in scalars]
    template = _template(
        tuple(rates), has_times, memory_mib is not None, names, num_digits if floats else None
    )
    eta = [duration(progress.eta_s)] if has_times and progress.eta_s is not None else []
    memory = [] if memory_mib is None else [memory_mib]
    return _iter_header(progress) + template % (*rates.values(), *eta, *times, *memory, *scalars)


def epoch_line(progress: Progress, values: Iterable[tuple[str, Any]], *, num_digits: int) -> str:
    """The line that sums a val or test loop up, or shows its scalars where there is no loop.

    Arrays and tensors among the values get lines of their own.
    """
    spec = f".{num_digits}f"
    items = "  ".join(f"{name}: {_metric(value, spec)}" for name, value in values)
    return f"{_unit(progress)}({progress.mode}) {_epoch_position(progress)}    {items}"


@lru_cache(maxsize=16)
def _shown_behind_times(names: tuple[str, ...], mode: Mode, has_times: bool) -> tuple[str, ...]:  # noqa: FBT001
    """MMEngine shows losses that a val loop logs under their full name, and no others."""
    if mode != "train":
        return tuple(name for name in names if mode == "val" and name.startswith("val/loss"))
    return tuple(name for name in names if not (has_times and name in TIMES))


@lru_cache(maxsize=16)
def _template(
    rates: tuple[str, ...],
    has_times: bool,  # noqa: FBT001
    has_memory: bool,  # noqa: FBT001
    names: tuple[str, ...],
    num_digits: int | None,
) -> str:
    """The line behind its header, for the ``%`` operator: of floats, or of texts if `num_digits` is None."""
    fixed, exponent = ("%s", "%s") if num_digits is None else (f"%.{num_digits}f", f"%.{num_digits}e")
    rate_part = " ".join(f"{_literal(name)}: {exponent}" for name in rates) + "  "
    times = "eta: %s  " + "".join(f"{name}: {fixed}  " for name in TIMES)
    memory = "memory: %s  "
    scalars = "  ".join(f"{_literal(name)}: {fixed}" for name in names)
    return rate_part + (times if has_times else "") + (memory if has_memory else "") + scalars


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _iter_header(progress: Progress) -> str:
    if not progress.by_epoch and progress.mode == "train":
        return f"Iter(train) {_position(progress.iter, progress.max_iters)}  "
    epoch = _epoch(progress) if progress.by_epoch and progress.mode != "test" else " "
    return (
        f"{_unit(progress)}({progress.mode}){epoch}{_position(progress.batch_idx + 1, progress.loader_len)}  "
    )


def _epoch_position(progress: Progress) -> str:
    if not progress.in_loop:
        return _position(progress.iter, None)
    length = progress.batch_idx + 1 if progress.loader_len is None else progress.loader_len
    epoch = f"[{progress.epoch}]" if progress.by_epoch and progress.mode == "val" else ""
    return f"{epoch}[{length}/{length}]"


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


def duration(seconds: float) -> str:
    """Return ``1 day, 2:03:04``, or ``?`` for what is too long to be an estimate."""
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
