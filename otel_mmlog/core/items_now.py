"""What a mapping holds at one moment, whatever other threads do with it."""

from collections.abc import Mapping
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def items_now(mapping: Mapping[_K, _V]) -> list[tuple[_K, _V]]:
    """Each key with its value, though another thread may add a key meanwhile.

    Only a list of the keys is made in one go: one of the items allocates what may start the garbage collector, and
    with it another thread.
    """
    return [(key, mapping[key]) for key in list(mapping)]
