"""What ``run.log`` is given: each value to its history, each mistake told once and counted."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from otel_mmlog.core.collect import TIMES
from otel_mmlog.core.errors import ScalarError
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import MODES, Mode, mode_of
from otel_mmlog.core.shown import shown
from otel_mmlog.loops.told import TellOnce

_MAX_TOLD = 100
_OWN_TAGS = ("epoch", "iter", "eta", "memory")


class ScalarLog:
    """Puts scalars into the hub under the names of their mode.

    Args:
        hub: Where they go.
        tell: Takes one sentence a name that cannot be used as it is.
    """

    def __init__(self, hub: MessageHub, tell: TellOnce) -> None:
        self.rejected: Counter[str] = Counter()
        self._hub = hub
        self._tell = tell
        self._reserved = frozenset(_OWN_TAGS)
        self._keys: dict[Mode, dict[str, str]] = {mode: {} for mode in MODES}

    def reserve_times(self) -> None:
        """Keep ``time`` and ``data_time`` for the loops from now on."""
        if not self._reserved.issuperset(TIMES):
            self._reserved = self._reserved.union(TIMES)
            self._keys = {mode: {} for mode in MODES}

    def put(
        self, mode: Mode, values: Mapping[str, Any], count: int
    ) -> tuple[bool, dict[Mode, dict[str, Any]]]:
        """Update ``mode/name`` for each value; one that is no number costs itself.

        Returns:
            Whether any was taken, and the values whose names begin with another mode: these are not yet taken.
        """
        taken = False
        others: dict[Mode, dict[str, Any]] = {}
        keys, update = self._keys[mode], self._hub.update_weighted
        for name, value in values.items():
            try:
                key = keys.get(name)
                if key is None:
                    own, key = self._find_key(mode, name)
                    if own != mode:
                        others.setdefault(own, {})[name] = value
                        continue
                update(key, value, count)
            except Exception as error:  # noqa: BLE001 - any object may be given and raise anything: told, counted
                self._reject(name if isinstance(name, str) else shown(name), error)
            else:
                taken = True
        return taken, others

    def _find_key(self, mode: Mode, name: object) -> tuple[Mode, str]:
        """The mode that a name belongs to, and its key; kept where that is the loop's own mode."""
        text = str(name)
        own = mode_of(text) or mode
        rest = text.removeprefix(f"{own}/")
        if rest in self._reserved:
            self._tell(
                rest, f"run.log: {rest!r} is a name of the run's own, so the scalar is called '{rest}_value'"
            )
            rest += "_value"
        key = f"{own}/{rest}"
        if own == mode and isinstance(name, str):
            self._keys[mode][name] = key
        return own, key

    def _reject(self, name: str, error: Exception) -> None:
        if len(self.rejected) < _MAX_TOLD:
            why = error if isinstance(error, ScalarError) else shown(error)
            self._tell(f"value of {name}", f"run.log: {shown(name)} was left out: {why}")
        self.rejected[name] += 1
