"""How many of each history's latest values belong to one loop."""

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.items_now import items_now
from otel_mmlog.core.progress import Mode
from otel_mmlog.loops.state import Loop


def mode_totals(hub: MessageHub, mode: Mode) -> dict[str, int]:
    """How many values each history of a mode ever got."""
    prefix = f"{mode}/"
    return {name: history.total for name, history in items_now(hub.log_scalars) if name.startswith(prefix)}


def new_values(hub: MessageHub, mode: Mode, totals: dict[str, int]) -> dict[str, int]:
    """How many values the histories of a mode got since they had these totals; those with none are left out."""
    return _since(totals, mode_totals(hub, mode))


class Unshown:
    """Which train scalars are new: what a script or a framework logs is in one record, that of its own step.

    Args:
        hub: Where the scalars are.
    """

    def __init__(self, hub: MessageHub) -> None:
        self._hub = hub
        self._totals: dict[str, int] = {}

    def peek(self) -> dict[str, int]:
        """How many values came of each since the last `take`."""
        return new_values(self._hub, "train", self._totals)

    def take(self) -> dict[str, int]:
        """How many values came of each since the last call, which are shown with this one."""
        before = self._totals
        self.skip()
        return _since(before, self._totals)

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


def _since(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {name: total - before.get(name, 0) for name, total in now.items() if total != before.get(name, 0)}
