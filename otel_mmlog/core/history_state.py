"""A history as plain types for a checkpoint: its latest values, and one summary for each block before them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from otel_mmlog.core.blocks import BLOCK_LENGTH, Blocks
from otel_mmlog.core.column import Array, Column
from otel_mmlog.core.errors import HubStateError
from otel_mmlog.core.history import _UFUNCS, HistoryBuffer

STATE_VERSION = 1


def dump_history(history: HistoryBuffer, keep_length: int | None = None) -> dict[str, Any]:
    """The history as numbers, strings, lists, dicts and bytes.

    Args:
        history: The history; tensors that it waits for are read.
        keep_length: How many of the latest values to keep at least; None keeps all. What is left out is
            summarised, so that longer windows go on (their start rounded to a block of 4096 values).
    """
    values = history._log_history
    first, stop = history._values.first, history._values.stop
    cut = first
    if keep_length is not None:
        cut = max(first, (stop - keep_length) // BLOCK_LENGTH * BLOCK_LENGTH)
    origin = max(history._origin, stop - history.max_length)
    return {
        "version": STATE_VERSION,
        "start": cut,
        "origin": origin,
        "max_length": history.max_length,
        "weighted": history.weighted,
        "values": _dump_array(values[cut - first :]),
        "counts": None if history._counts is None else _dump_array(history._counts.between(cut, stop)),
        "ones_dtype": history._ones_dtype.str,
        "blocks": _dump_blocks(history, origin, cut) if origin < cut else None,
    }


def load_history(state: Mapping[str, Any]) -> HistoryBuffer:
    """The history that `dump_history` wrote.

    Raises:
        HubStateError: If it did not.
    """
    try:
        if state["version"] > STATE_VERSION:
            raise HubStateError(
                f"a history was saved in format {state['version']}, this version reads up to {STATE_VERSION}: update it"
            )
        return _load(state)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, HubStateError):
            raise
        raise HubStateError(f"this is no saved history: {type(error).__name__}: {error}") from error


def _load(state: Mapping[str, Any]) -> HistoryBuffer:
    history = HistoryBuffer(max_length=state["max_length"], weighted=state["weighted"])
    start, max_length = state["start"], state["max_length"]
    history._values = Column(_load_array(state["values"]), max_length, start)
    if state["counts"] is not None:
        history._counts = Column(_load_array(state["counts"]), max_length, start)
    history._ones_dtype = np.dtype(state["ones_dtype"])
    history._origin = state["origin"]
    for name, blocks in (state["blocks"] or {}).items():
        done = Column(_load_array(blocks), 1 << 62, state["origin"] // BLOCK_LENGTH)
        history._blocks[name] = Blocks(_UFUNCS[name], done)
    return history


def _dump_blocks(history: HistoryBuffer, origin: int, cut: int) -> dict[str, Any]:
    """The summaries of every reduction, because a count other than 1 may come later."""
    first = history._values.first
    summaries = {}
    for name in _UFUNCS:

        def values(low: int, high: int, name: str = name) -> Array:
            return history._slice(name, low, high)

        summaries[name] = _dump_array(history._blocks_of(name).summary(values, first, origin, cut))
    return summaries


def _dump_array(array: Array) -> dict[str, Any]:
    return {"dtype": array.dtype.str, "data": array.tobytes()}


def _load_array(saved: Mapping[str, Any]) -> Array:
    array: Array = np.frombuffer(saved["data"], dtype=np.dtype(saved["dtype"])).copy()
    return array
