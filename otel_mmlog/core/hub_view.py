"""A hub as it was at one moment: what a record is made of whose values arrive later."""

from functools import cached_property
from typing import Any, Protocol

from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.items_now import items_now


class HubFace(Protocol):
    """What a log processor needs of a hub."""

    @property
    def log_scalars(self) -> Any:
        """Key -> history."""

    @property
    def runtime_info(self) -> Any:
        """Key -> value."""

    def keep_at_least(self, length: int) -> None:
        """Let a checkpoint carry this many of the latest values."""


class HubView:
    """The scalars and the information that a hub has now, whatever it gets later.

    A value whose place is reserved now is seen once it is filled in, so ask for none before.

    Args:
        hub: The hub; the histories' values are shared, not copied.
    """

    def __init__(self, hub: MessageHub) -> None:
        self._marks = [
            (key, history, history.total, history._values.dtype)
            for key, history in items_now(hub.log_scalars)
        ]
        self.runtime_info = dict(hub.runtime_info)
        self.keep_at_least = hub.keep_at_least

    @cached_property
    def log_scalars(self) -> dict[str, HistoryBuffer]:
        """Key -> history, each ending where it ended when the view was made."""
        return {key: history_as_of(history, total, dtype) for key, history, total, dtype in self._marks}


def history_as_of(history: HistoryBuffer, total: int, dtype: Any) -> HistoryBuffer:
    """The history as it was when it had this `total` and its values this dtype; to read, not to update."""
    view = object.__new__(history.__class__)
    vars(view).update(vars(history))
    view._pending = None
    view._values = history._values.up_to(total, dtype)
    if history._counts is not None:
        view._counts = history._counts.up_to(total, history._counts.dtype)
    if (
        history.total - history._values.first >= history.max_length
    ):  # what it has forgotten since is in no summary
        view._origin = max(view._origin, view._values.first)
        view._blocks = {}  # those of the history may begin later
    return view
