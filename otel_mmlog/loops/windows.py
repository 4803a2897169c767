"""How many of each history's latest values belong to one loop."""

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode
from otel_mmlog.loops.state import Loop


def mode_totals(hub: MessageHub, mode: Mode) -> dict[str, int]:
    """How many values each history of a mode ever got."""
    prefix = f"{mode}/"
    return {name: history.total for name, history in hub.log_scalars.items() if name.startswith(prefix)}


def new_values(hub: MessageHub, mode: Mode, totals: dict[str, int]) -> dict[str, int]:
    """How many values the histories of a mode got since they had these totals; those with none are left out."""
    windows = {name: total - totals.get(name, 0) for name, total in mode_totals(hub, mode).items()}
    return {name: window for name, window in windows.items() if window}


class Unshown:
    """Which train scalars are new: what a script or a framework logs is in one record, that of its own step.

    Args:
        hub: Where the scalars are.
    """

    def __init__(self, hub: MessageHub) -> None:
        self._hub = hub
        self._totals: dict[str, int] = {}

    def take(self) -> dict[str, int]:
        """How many values came of each since the last call."""
        windows = new_values(self._hub, "train", self._totals)
        self.skip()
        return windows

    def skip(self) -> None:
        """Take all that the hub holds as shown."""
        self._totals = mode_totals(self._hub, "train")


def summary_windows(hub: MessageHub, loop: Loop) -> dict[str, int]:
    """How many of each history's latest values the summary of a loop is made of.

    What was logged right behind the loop stands for itself: an accuracy over the whole set is not
    averaged with those of single batches.
    """
    return {
        **new_values(hub, loop.mode, loop.totals),
        **new_values(hub, loop.mode, loop.totals_at_end),
    }
