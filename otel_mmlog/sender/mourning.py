"""Ends what a dead process left open in its journal folder."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

MOURN_S: Final = 2.0
"""Seconds that a killed process may take to let its segment go."""

AGAIN_S: Final = 0.05


class Mourning:
    """Tries until nothing is open any more.

    A process that is killed closes its files one after the other, so that the end of its words may come
    while it still holds the lock of its segment.

    Args:
        folder: The journal.
        on_dead: Journals the last words of dead processes in the folder and seals their segments; returns
            whether none is open any more. None for nothing to do.
        tell: Gets one sentence when that fails.

    Attributes:
        wake_s: When to try again; infinity while it is not on.
    """

    def __init__(
        self, folder: Path, on_dead: Callable[[Path], bool] | None, tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._on_dead = on_dead
        self._tell = tell
        self._died_s = math.inf
        self.wake_s = math.inf

    @property
    def is_on(self) -> bool:
        """Whether something may still be open."""
        return self.wake_s < math.inf

    def begin(self, now_s: float) -> None:
        """The process is gone."""
        self._died_s = self.wake_s = now_s

    def ends(self, now_s: float, *, is_let_go: bool) -> bool:
        """Try if it is time to; True if that was the last try.

        Args:
            now_s: Seconds on the clock of `begin`.
            is_let_go: Whether the process closed its journal itself.
        """
        if now_s < self.wake_s:
            return False
        try:
            is_done = self._on_dead is None or self._on_dead(self._folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, what is there can still be sent
            self._tell(f"what the dead process left open could not be ended: {error!r}")
            is_done = True
        is_over = is_done or is_let_go or now_s - self._died_s >= MOURN_S
        self.wake_s = math.inf if is_over else now_s + AGAIN_S
        return is_over
