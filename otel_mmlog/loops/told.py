"""Warnings about how a run is used: each is told once."""

from collections.abc import Callable


class TellOnce:
    """Tells each thing once.

    Args:
        tell: Takes the sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def __call__(self, about: str, message: str) -> None:
        """Tell it, unless something was told about the same before."""
        if about not in self._told:
            self._told.add(about)
            self._tell(message)
