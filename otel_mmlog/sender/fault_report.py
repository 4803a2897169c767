"""What the training process is told about its sender: each thing once."""

from collections.abc import Callable
from pathlib import Path

from otel_mmlog.sender.status import SenderStatus
from otel_mmlog.sender.types import Signal


class FaultReport:
    """Keeps sentences until they can be told, with no lock held: whoever is told may log, and so poke.

    Args:
        folder: The journal folder, which each sentence names.
        on_fault: Gets the sentences.

    Attributes:
        unreported: How often ``on_fault`` raised.
    """

    def __init__(self, folder: Path, on_fault: Callable[[str], None]) -> None:
        self._folder = folder
        self._on_fault = on_fault
        self._waiting: list[str] = []
        self._told: dict[Signal, str] = {}
        self.unreported = 0

    def add_end(self, what: str) -> None:
        """There is no sender any more."""
        self._waiting.append(
            f"{what}. The journal in {self._folder} keeps everything; `otel-mmlog send {self._folder}` sends it."
        )

    def add_pauses(self, status: SenderStatus) -> None:
        """Signals that cannot be delivered until somebody changes something, unless that was told."""
        for signal, trouble in status.troubles.items():
            if trouble.kind == "paused" and self._told.get(signal) != trouble.detail:
                self._told[signal] = trouble.detail
                self._waiting.append(
                    f"The server does not take {signal}: {trouble.detail}. They stay in {self._folder} and are "
                    f"tried again; `otel-mmlog send {self._folder}` sends them later."
                )

    def report(self) -> None:
        """Tell what waits; never raises."""
        while self._waiting:
            sentence = self._waiting.pop(0)
            try:
                self._on_fault(sentence)
            except Exception:  # noqa: BLE001  # counted: a warning filter may make the callback raise
                self.unreported += 1
