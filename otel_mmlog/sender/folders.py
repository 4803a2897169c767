"""Several journal folders as one source of batches."""

from collections.abc import Sequence

from otel_mmlog.sender.batches import Batch
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS, Signal


class Folders:
    """Hands out the batches of one reader after the other's.

    If a batch is not acknowledged before the next is asked for, the next comes from another folder, so that
    what a server refuses in one does not hold up the others.

    Args:
        readers: The readers, locked.
    """

    def __init__(self, readers: Sequence[JournalReader]) -> None:
        self._readers = readers
        self._turn: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self._is_out: dict[Signal, bool] = dict.fromkeys(SIGNALS, False)

    def next_batch(self, signal: Signal) -> Batch | None:
        """Lines of some folder that are not acknowledged, or None if no folder has any.

        Raises:
            OSError: A folder cannot be read.
        """
        first = self._turn[signal] + self._is_out[signal]
        for turn in range(first, first + len(self._readers)):
            batch = self._readers[turn % len(self._readers)].next_batch(signal)
            if batch is not None:
                self._turn[signal] = turn % len(self._readers)
                self._is_out[signal] = True
                return batch
        self._is_out[signal] = False
        return None

    def acknowledge(self, batch: Batch) -> None:
        """Never hand out these lines again."""
        self._is_out[batch.signal] = False
        self._owner(batch).acknowledge(batch)

    def set_aside(self, batch: Batch, lines: Sequence[bytes], reason: str) -> None:
        """Keep lines in the quarantine of their folder.

        Raises:
            OSError: They could not be written.
        """
        self._owner(batch).set_aside(batch, lines, reason)

    def save(self) -> None:
        """Write all cursors."""
        for reader in self._readers:
            reader.save()

    def _owner(self, batch: Batch) -> JournalReader:
        return self._readers[self._turn[batch.signal]]
