"""Cuts a batch down to the lines that a server cannot take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_REQUESTS: Final = 20
"""Requests that one batch may cost while a bad line is looked for, the control request included."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a batch's lines, which go out as one request.

    Attributes:
        start: Index of the first line.
        stop: Index behind the last line.
        bisected: Whether it comes of a refused piece, and so counts against `MAX_REQUESTS`.
        half_from: For the second half of a refused piece, where the first began: if that is taken whole,
            the bad line must be in here. None for any other piece.
    """

    start: int
    stop: int
    bisected: bool = False
    half_from: int | None = None

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Suspect:
    """Lines that the server refused, and what it said."""

    lines: tuple[bytes, ...]
    reason: str


class Pieces:
    """What is left to send of one batch, first lines first.

    Args:
        lines: The lines of the batch.
        limit_bytes: Pieces begin no larger than this, as far as one line allows; None for no limit.

    Attributes:
        suspects: The lines that nothing but setting aside is left for.
        is_proven: Whether there are no suspects, or the server took another line after it had refused the
            last of them: then it is the line, and not the server, that something is wrong with.
    """

    def __init__(self, lines: Sequence[bytes], limit_bytes: int | None = None) -> None:
        self._lines = lines
        self._stack = list(reversed(_cut(lines, limit_bytes)))
        self._requests = 0
        self._accepted = False
        self.suspects: list[Suspect] = []
        self.is_proven = True

    @property
    def current(self) -> Sequence[bytes]:
        """The lines to send next; empty when nothing is left."""
        return self._lines[self._stack[-1].start : self._stack[-1].stop] if self._stack else ()

    @property
    def is_fresh(self) -> bool:
        """Whether no line was taken or refused for good, so that the batch can as well be read anew."""
        return not self._accepted and not self.suspects

    def accept(self) -> None:
        """The server took the current piece."""
        piece = self._stack.pop()
        self._requests += piece.bisected
        self._accepted = self.is_proven = True
        rest = self._stack[-1] if self._stack else None
        if rest is not None and (rest.half_from, rest.start) == (piece.start, piece.stop) and len(rest) > 1:
            self._bisect(self._stack.pop(), "refused together; what was sent apart from them was taken")

    def refuse(self, reason: str) -> None:
        """The server refused the current piece for something in it."""
        self._requests += 1
        self._bisect(self._stack.pop(), reason)

    def halve(self, reason: str) -> None:
        """The current piece is too large for the server; a single line becomes a suspect."""
        piece = self._stack.pop()
        if len(piece) == 1:
            self._suspect(piece, reason)
        else:
            self._push_halves(piece, bisected=piece.bisected, refused=False)

    def _bisect(self, piece: Piece, reason: str) -> None:
        waiting = sum(each.bisected for each in self._stack)
        # Kept back: a request for each half, for each piece that waits, and for the control.
        affordable = self._requests + waiting + 2 < MAX_REQUESTS
        if len(piece) > 1 and affordable:
            self._push_halves(piece, bisected=True, refused=True)
        else:
            self._suspect(piece, reason)

    def _push_halves(self, piece: Piece, *, bisected: bool, refused: bool) -> None:
        middle = _middle(self._lines, piece)
        self._stack.append(Piece(middle, piece.stop, bisected, piece.start if refused else None))
        self._stack.append(Piece(piece.start, middle, bisected))

    def _suspect(self, piece: Piece, reason: str) -> None:
        self.suspects.append(Suspect(tuple(self._lines[piece.start : piece.stop]), reason))
        self.is_proven = False


def _middle(lines: Sequence[bytes], piece: Piece) -> int:
    """Where to cut a piece of several lines so that both parts have about as many bytes."""
    half_bytes = sum(len(line) for line in lines[piece.start : piece.stop]) / 2
    size_bytes = 0
    for index in range(piece.start, piece.stop - 1):
        size_bytes += len(lines[index])
        if size_bytes >= half_bytes:
            return index + 1
    return piece.stop - 1


def _cut(lines: Sequence[bytes], limit_bytes: int | None) -> list[Piece]:
    if limit_bytes is None:
        return [Piece(0, len(lines))] if lines else []
    pieces: list[Piece] = []
    start = size_bytes = 0
    for index, line in enumerate(lines):
        if index > start and size_bytes + len(line) > limit_bytes:
            pieces.append(Piece(start, index))
            start, size_bytes = index, 0
        size_bytes += len(line)
    return [*pieces, Piece(start, len(lines))] if lines else []
