"""A hub as plain types for a checkpoint, and back: from ours, from mmengine's, from a whole hub."""

import copy
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from otel_mmlog.core.errors import HubStateError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.history_state import dump_history, load_history
from otel_mmlog.core.items_now import items_now

if TYPE_CHECKING:
    from otel_mmlog.core.hub import MessageHub

_log = logging.getLogger(__name__)


def is_history(value: Any) -> bool:
    """Whether the value is a history, ours or mmengine's."""
    return hasattr(value, "_log_history") and hasattr(value, "_count_history")


def dump_hub(hub: "MessageHub", keep_length: int | None) -> dict[str, Any]:
    """The resumed keys of a hub; None keeps every value of every history."""
    resumed = hub._resumed_keys
    return {
        "log_scalars": {
            key: dump_history(own_history(history), keep_length)
            for key, history in items_now(hub.log_scalars)
            if resumed.get(key, False)
        },
        "runtime_info": {
            key: _copied(key, value) for key, value in hub.runtime_info.items() if resumed.get(key, False)
        },
        "resumed_keys": dict(resumed),
    }


def load_hub(hub: "MessageHub", state: Any) -> None:
    """Load into the hub; keys that it has and the state has not stay."""
    if not isinstance(state, dict):
        _load_whole(hub, state)
        return
    for part in ("log_scalars", "runtime_info", "resumed_keys"):
        if part not in state:
            raise HubStateError(f"a hub's state dict needs the key {part!r}, got {sorted(state)}")
    for key, value in state["log_scalars"].items():
        history = _loaded(value)
        if history is None:
            _log.warning(
                "%r in the hub's state is not a history but a %s: skipped", key, type(value).__name__
            )
        else:
            hub.log_scalars[key] = history
    for key, value in state["runtime_info"].items():
        hub.runtime_info[key] = _copied(key, value)
    _load_resumed(hub, state["resumed_keys"])


def _load_resumed(hub: "MessageHub", resumed_keys: dict[str, bool]) -> None:
    for key, resumed in resumed_keys.items():
        if key not in hub.log_scalars and key not in hub.runtime_info:
            _log.warning("%r is to be resumed but the hub's state does not have it: skipped", key)
            continue
        if not resumed:
            _log.warning(
                "%r is not to be resumed but the hub's state has it: loaded, but not saved again", key
            )
        hub._resumed_keys[key] = resumed


def _load_whole(hub: "MessageHub", source: Any) -> None:
    """Take over copies of all that another hub has; some checkpoints hold the hub itself."""
    if not all(hasattr(source, name) for name in ("_log_scalars", "_runtime_info", "_resumed_keys")):
        raise HubStateError(f"a hub loads a state dict or a hub, got a {type(source).__name__}")
    hub._log_scalars = OrderedDict((key, _loaded(history)) for key, history in source._log_scalars.items())
    hub._runtime_info = copy.deepcopy(source._runtime_info)
    hub._resumed_keys = copy.deepcopy(source._resumed_keys)


def _loaded(value: Any) -> HistoryBuffer | None:
    """A history of ours that shares nothing with the value, or None if that is no history."""
    if isinstance(value, dict):
        return load_history(value)
    if not is_history(value):
        return None
    return own_history(copy.deepcopy(value))  # the copy of a history may be of mmengine's class


def own_history(history: Any) -> HistoryBuffer:
    """The history itself, or a copy of mmengine's as one of ours."""
    if isinstance(history, HistoryBuffer):
        return history
    return HistoryBuffer(history._log_history, history._count_history, history.max_length)


def _copied(key: str, value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception as error:  # noqa: BLE001 - whatever a foreign __deepcopy__ raises; told, and the value is kept
        _log.warning("%r in the hub cannot be copied (%s): its reference is used", key, error)
        return value
