"""What ``run.log`` is given: each value to its history, each mistake told once and counted."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode
from otel_mmlog.loop_state import MODES

_MAX_TOLD = 100


class ScalarLog:
    """Puts scalars into the hub under the names of their mode.

    Args:
        hub: Where they go.
        tell: Called with one sentence a name whose value is no number.
    """

    def __init__(self, hub: MessageHub, tell: Callable[[str], None]) -> None:
        self.rejected: Counter[str] = Counter()
        self._hub = hub
        self._tell = tell

    def put(self, mode: Mode, values: Mapping[str, Any], count: int) -> bool:
        """Update ``mode/name`` for each value; one that is no number costs itself.

        Returns:
            Whether any of them was taken.
        """
        taken = False
        for name, value in values.items():
            try:
                self._hub.update_weighted(_key(mode, name), value, count)
            except Exception as error:  # noqa: BLE001 - any object may be given and raise anything: told, counted
                self._reject(str(name), error)
            else:
                taken = True
        return taken

    def _reject(self, name: str, error: Exception) -> None:
        if name not in self.rejected and len(self.rejected) < _MAX_TOLD:
            self._tell(f"run.log: {name!r} was left out: {error}")
        self.rejected[name] += 1


def split_modes(values: Mapping[str, Any]) -> dict[Mode, dict[str, Any]]:
    """Sort ``train/x``, ``val/x`` and ``test/x`` to their modes; any other name is train's."""
    parts: dict[Mode, dict[str, Any]] = {}
    for name, value in values.items():
        mode: Mode = next((mode for mode in MODES if str(name).startswith(f"{mode}/")), MODES[0])
        parts.setdefault(mode, {})[name] = value
    return parts


@lru_cache(maxsize=10_000, typed=True)  # asked for each scalar of each step
def _key(mode: Mode, name: object) -> str:
    text = str(name)
    return text if text.startswith(f"{mode}/") else f"{mode}/{text}"
