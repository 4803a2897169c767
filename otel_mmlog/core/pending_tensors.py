"""The tensors of a hub that were not read yet: copies on their device, which are read together."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from otel_mmlog.core.device_copy import CUDA, Copy, Device, stacked
from otel_mmlog.core.errors import ScalarError

PENDING_MAX = 4096
"""Tensors that wait in one hub at most; the next one makes it read them all, or begin to."""

FLIGHTS_MAX = 8
"""Copies that are under way at most; the next one waits for the oldest."""

OnError = Callable[[Exception], None]


class Slot(Protocol):
    """Where the value of a tensor goes once it is read."""

    def fill(self, index: int, value: int | float) -> None:
        """Put the value at this index of the history."""


class _Target(NamedTuple):
    """Where a value goes."""

    slot: Slot
    place: int
    floating: bool

    def fill(self, value: Any) -> None:
        self.slot.fill(self.place, float(value) if self.floating else int(value))


class _Entry(NamedTuple):
    """A tensor that waits, and the stream that it was made on."""

    target: _Target
    tensor: Any
    stream: Any


class _Flight(NamedTuple):
    """Values that are on their way: of each place, where they go, and their copy."""

    parts: Sequence[tuple[Sequence[_Target], Copy]]

    def is_done(self) -> bool:
        return all(copy.is_done() for _, copy in self.parts)


class PendingTensors:
    """The one-element tensors of a hub that were not read yet, in the order in which they came.

    Args:
        device: Knows streams, and copies beside them.

    Attributes:
        added: How many ever came.
        filled: How many of them, from the first on, were read.
    """

    __slots__ = ("_deferred", "_device", "_flights", "_on_error", "_waiting", "added", "filled")

    def __init__(self, device: Device = CUDA) -> None:
        self._device = device
        self._waiting: list[_Entry] = []
        self._flights: deque[_Flight] = deque()
        self._on_error: OnError | None = None
        self._deferred = False
        self.added = 0
        self.filled = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __reduce__(self) -> tuple[type["PendingTensors"], tuple[()]]:
        """Pickle and copy an empty one that belongs to no run: a hub reads all before."""
        return PendingTensors, ()

    def __bool__(self) -> bool:
        """Whether there is a value that was not read."""
        return self.filled < self.added

    def belong_to_run(self, on_error: OnError, *, deferred: bool) -> None:
        """Let a run decide when they are read.

        Args:
            on_error: Takes what a device raised for values that come as NaN because of it.
            deferred: Whether too many of them are copied, in place of being read.
        """
        self._on_error, self._deferred = on_error, deferred

    def refuse_capture(self, key: str, tensor: Any) -> None:
        """Make sure that the value exists: while a CUDA graph is captured nothing is computed.

        Raises:
            ScalarError: If that goes on.
        """
        if tensor.device.type == "cuda" and self._device.is_capturing():
            raise ScalarError(
                f"{key!r} has no value while a CUDA graph is captured: log the tensor after each replay"
            )

    def add(self, slot: Slot, index: int, tensor: Any) -> None:
        """Keep a copy of the tensor; the copy is made on its device and waits for nothing."""
        kept = tensor.detach().reshape(()).clone()
        target = _Target(slot, index, kept.is_floating_point())
        self._waiting.append(_Entry(target, kept, self._device.current_stream(kept)))
        self.added += 1
        if len(self._waiting) >= PENDING_MAX:
            if self._deferred:
                self.advance()
                self.begin()
            else:
                self.read()

    def must_wait(self) -> bool:
        """Whether a read now would have to wait although nobody asked for that, or is impossible."""
        return bool(self) and (self._deferred or self._device.is_capturing())

    def is_capturing(self) -> bool:
        """Whether a CUDA graph is captured, and no value can be had."""
        return self._device.is_capturing()

    def begin(self) -> None:
        """Begin to copy all that wait; nothing happens while a CUDA graph is captured."""
        if not self._waiting or self._device.is_capturing():
            return
        parts = [(_targets(entries), self._copy(entries)) for entries in self._places()]
        self._waiting = []
        self._flights.append(_Flight(parts))
        if len(self._flights) > FLIGHTS_MAX:
            self._land()

    def advance(self) -> None:
        """Put in what has arrived; waits for nothing."""
        if self._flights and not self._device.is_capturing():
            while self._flights and self._has_arrived(self._flights[0]):
                self._land()

    def settle(self, count: int) -> None:
        """Wait until the first so many that ever came are read; what a device does not give is NaN."""
        while self.filled < count and self._flights:
            self._land()
        if self.filled < count:
            try:
                self.read()
            except Exception as error:  # noqa: BLE001 - whatever a device raises is told and counted
                self._fail(_targets(self._waiting), error)
                self._waiting = []

    def read(self) -> None:
        """Read all of them, in one transfer from each device, and fill their slots."""
        while self._flights:
            self._land()
        read = [(_targets(entries), self._values(entries)) for entries in self._places()]
        self._waiting = []  # only now: what a failing device did not give must not stay a placeholder
        for targets, values in read:
            self._fill(targets, values)

    def _places(self) -> list[list[_Entry]]:
        """Those that wait, by device and stream."""
        places: dict[Any, list[_Entry]] = {}
        for entry in self._waiting:
            places.setdefault((entry.tensor.device, entry.stream), []).append(entry)
        return list(places.values())

    def _values(self, entries: list[_Entry]) -> list[Any]:
        tensors, stream = [entry.tensor for entry in entries], entries[0].stream
        if stream is None or stream == self._device.current_stream(tensors[0]):
            return stacked(tensors).cpu().tolist()  # type: ignore[no-any-return]  # torch is not imported here
        return self._device.copy(tensors, stream).values()

    def _copy(self, entries: list[_Entry]) -> Copy:
        stream = entries[0].stream
        try:
            if stream is None:
                return _Arrived(self._values(entries))
            return self._device.copy([entry.tensor for entry in entries], stream)
        except Exception as error:  # noqa: BLE001 - raised again where it is told and counted
            return _Failed(error)

    def _has_arrived(self, flight: _Flight) -> bool:
        try:
            return flight.is_done()
        except Exception:  # noqa: BLE001 - its values raise the same again, where it is told and counted
            return True

    def _land(self) -> None:
        """Put in the values of the oldest flight; one whose wait is interrupted stays."""
        parts = [(targets, _outcome(copy)) for targets, copy in self._flights[0].parts]
        self._flights.popleft()
        for targets, outcome in parts:
            if isinstance(outcome, Exception):
                self._fail(targets, outcome)
            else:
                self._fill(targets, outcome)

    def _fill(self, targets: Sequence[_Target], values: Sequence[Any]) -> None:
        for target, value in zip(targets, values, strict=True):
            target.fill(value)
        self.filled += len(targets)

    def _fail(self, targets: Sequence[_Target], error: Exception) -> None:
        for slot, place, _ in targets:
            slot.fill(place, math.nan)
        self.filled += len(targets)
        if self._on_error is not None:
            self._on_error(error)


def _outcome(copy: Copy) -> Sequence[Any] | Exception:
    try:
        return copy.values()
    except Exception as error:  # noqa: BLE001 - whatever a device raises is told and counted
        return error


def _targets(entries: Sequence[_Entry]) -> list[_Target]:
    return [entry.target for entry in entries]


class _Arrived:
    """Values that did not need to be waited for, or were."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def is_done(self) -> bool:
        return True

    def values(self) -> list[Any]:
        return self._values


class _Failed:
    """Values that will not come."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def is_done(self) -> bool:
        return True

    def values(self) -> list[Any]:
        raise self._error
