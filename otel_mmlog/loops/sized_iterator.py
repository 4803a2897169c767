"""What a loop hands to a training script: an iterator that knows its length, as progress bars want it."""

from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class SizedIterator(Generic[Item]):
    """A generator beside its length.

    A ``for`` loop gets the generator itself, so that it is closed when the loop is left.

    Args:
        generator: Yields the items.
        length: How many, or None if that is unknown.
    """

    def __init__(self, generator: Generator[Item, None, None], length: int | None) -> None:
        self._generator = generator
        self._length = length

    def __iter__(self) -> Iterator[Item]:
        return self._generator

    def __next__(self) -> Item:
        return next(self._generator)

    def __len__(self) -> int:
        """How many items there are from the start.

        Raises:
            TypeError: That is unknown.
        """
        if self._length is None:
            raise TypeError("this loop has no length: its loader has none")
        return self._length

    def __bool__(self) -> bool:
        return True

    def close(self) -> None:
        """Leave the loop, as ``break`` does."""
        self._generator.close()
