"""mmengine's own hub with flat histories, and without a wait for the device at each update."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from otel_mmlog.core.errors import ScalarError
from otel_mmlog.core.pending_tensors import PendingTensors
from otel_mmlog.core.tensors import is_on_device
from otel_mmlog.integrations.mmengine.flat_history import FlatHistory, flatten
from otel_mmlog.integrations.mmengine.patches import Patches
from otel_mmlog.loops.told import TellOnce

_log = logging.getLogger(__name__)
_NUMBERS = frozenset({float, int, bool})
_NO_INTS = np.empty(0, np.int64)
_NEEDED = ("_log_scalars", "_resumed_keys", "_set_resumed_keys")


def wrap(
    patches: Patches, message_hub_class: type[Any], is_late: Callable[[Any], bool] = is_on_device
) -> None:
    """Let every hub of this class keep flat histories.

    What a hub has already becomes flat at its next update. Once `patches` are undone it goes on with what it
    has. `state_dict` needs no patch: it copies, and a copy of a flat history is mmengine's own.

    Args:
        patches: Where the originals are kept.
        message_hub_class: mmengine's ``MessageHub``.
        is_late: Whether a value is a tensor to be read only when somebody reads a history.
    """
    probe = message_hub_class("probe")
    absent = [f"{message_hub_class.__name__}.{name}" for name in _NEEDED if not hasattr(probe, name)]
    patches.missing += absent
    if absent:
        return
    late = _LateValues(is_late)
    patches.wrap(message_hub_class, "update_scalar", functools.partial(_make_update_scalar, late))
    patches.wrap(message_hub_class, "load_state_dict", _make_load_state_dict)


class _LateValues:
    """The tensors that wait, of all hubs: a history may be in several.

    Args:
        is_late: Whether a value is a tensor to be read late.
    """

    def __init__(self, is_late: Callable[[Any], bool]) -> None:
        self._is_late = is_late
        self._pending = PendingTensors()
        self._tell = TellOnce(_log.warning)

    def put(self, hub: Any, key: str, value: Any, count: Any, *, resumed: bool) -> bool:
        """Append a value that is to be read late; False if it is none, or one for mmengine to judge."""
        if not (self._is_late(value) and isinstance(count, int) and _can_wait(value)):
            return False
        try:
            self._pending.refuse_capture(key, value)
        except ScalarError as error:  # mmengine would read the value, which ends the capture
            self._tell(key, f"a value was left out: {error}")
            return True
        history = hub._log_scalars.get(key)
        if history is not None and not flatten(history):
            return False
        hub._set_resumed_keys(key, resumed)
        if history is None:
            history = hub._log_scalars[key] = FlatHistory(_NO_INTS, _NO_INTS)
        index = history.reserve(self._pending, floating=value.is_floating_point(), count=count)
        self._pending.add(history, index, value)
        return True


def _can_wait(tensor: Any) -> bool:
    """Whether it is one int or float; a bool prints as one only if it is known from the start."""
    return (
        tensor.numel() == 1
        and tensor.device.type != "meta"
        and not tensor.is_complex()
        and str(tensor.dtype) != "torch.bool"
    )


def _make_update_scalar(late: _LateValues, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def update_scalar(self: Any, key: str, value: Any, count: int = 1, resumed: bool = True) -> None:  # noqa: FBT001, FBT002 - mmengine's signature
        if value.__class__ in _NUMBERS and count.__class__ is int and self._resumed_keys.get(key) is resumed:
            history = self._log_scalars.get(key)
            if history.__class__ is FlatHistory:
                history.update(value, count)
                return
        if not late.put(self, key, value, count, resumed=resumed):
            original(self, key, value, count, resumed)
            flatten(self._log_scalars[key])

    return update_scalar


def _make_load_state_dict(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def load_state_dict(self: Any, state_dict: Any) -> None:
        original(self, state_dict)
        for history in self._log_scalars.values():
            flatten(history)

    return load_state_dict
