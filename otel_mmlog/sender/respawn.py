"""When a child that died is replaced: later each time, and in the end not at all."""

from dataclasses import dataclass
from typing import Final

MAX_DEATHS: Final = 5
FIRST_S: Final = 1.0
CAP_S: Final = 600.0

_FACTOR: Final = 5.0


@dataclass(slots=True)
class Respawn:
    """Counts deaths; one after a long life starts the count over.

    Attributes:
        due_s: The moment before which no child is to be started.
        deaths: Deaths in a row.
    """

    due_s: float = 0.0
    deaths: int = 0
    _born_s: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether there have been too many deaths for another child."""
        return self.deaths >= MAX_DEATHS

    def birth(self, now_s: float) -> None:
        """A child is started."""
        self._born_s = now_s

    def death(self, now_s: float) -> None:
        """The child died, or could not be started."""
        self.deaths = 1 if now_s - self._born_s >= CAP_S else self.deaths + 1
        self.due_s = now_s + min(CAP_S, FIRST_S * _FACTOR ** (self.deaths - 1))
