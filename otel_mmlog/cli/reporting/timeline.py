"""Where moments stand on a time axis that leaves long pauses out."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from otel_mmlog.cli.shown import shown_seconds

_LONG_PAUSE: Final = 0.1
"""Of the time without pauses: what lasts longer is drawn as `_PAUSE_WIDTH`."""

_PAUSE_WIDTH: Final = 4.0
_MOST_PAUSES_WIDTH: Final = 30.0
_TICKS: Final = 10
_STEPS_S: Final = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time that is drawn to scale.

    Attributes:
        start_s: Unix time.
        end_s: Unix time, later than the start.
        left: Where it begins, in percent of the width.
        right: Where it ends.
    """

    start_s: float
    end_s: float
    left: float
    right: float

    def x(self, time_s: float) -> float:
        """Where a moment is, in percent; one outside is on the nearer end."""
        share = (min(max(time_s, self.start_s), self.end_s) - self.start_s) / (self.end_s - self.start_s)
        return self.left + share * (self.right - self.left)


class Timeline:
    """An axis for stretches of time, from 0 to 100 percent.

    Args:
        stretches: Begin and end of what is to be seen, in Unix time; one at least.
    """

    def __init__(self, stretches: Iterable[tuple[float, float]]) -> None:
        busy = _joined(stretches)
        pauses_width = min(_PAUSE_WIDTH * (len(busy) - 1), _MOST_PAUSES_WIDTH)
        total_s = sum(end_s - start_s for start_s, end_s in busy)
        self.pieces: list[Piece] = []
        left = 0.0
        for start_s, end_s in busy:
            right = left + (end_s - start_s) / total_s * (100.0 - pauses_width)
            self.pieces.append(Piece(start_s, end_s, left, right))
            left = right + pauses_width / max(1, len(busy) - 1)

    @property
    def start_s(self) -> float:
        """Unix time of its begin."""
        return self.pieces[0].start_s

    @property
    def end_s(self) -> float:
        """Unix time of its end."""
        return self.pieces[-1].end_s

    def x(self, time_s: float) -> float:
        """Where a moment is, in percent; one in a pause at its end."""
        piece = next((piece for piece in self.pieces if time_s <= piece.end_s), self.pieces[-1])
        return piece.x(time_s)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield where marks stand, and what they say: the time since the begin."""
        total_s = sum(piece.end_s - piece.start_s for piece in self.pieces)
        step_s = nice_step_s(total_s / _TICKS)
        for piece in self.pieces:
            first = math.ceil((piece.start_s - self.start_s) / step_s - 1e-9)
            last = math.floor((piece.end_s - self.start_s) / step_s)
            for number in range(first, last + 1):
                yield piece.x(self.start_s + number * step_s), _told(number * step_s, step_s)

    def pauses(self) -> Iterator[tuple[float, float, str]]:
        """Yield where pauses begin and end, in percent, and how long they are."""
        for before, after in zip(self.pieces, self.pieces[1:], strict=False):
            yield before.right, after.left, shown_seconds(after.start_s - before.end_s)


def nice_step_s(least_s: float) -> float:
    """Return a round number of seconds, minutes or hours that is not less than this."""
    if least_s > _STEPS_S[-1]:
        return math.ceil(least_s / _STEPS_S[-1]) * _STEPS_S[-1]
    if least_s > _STEPS_S[0]:
        return next(step_s for step_s in _STEPS_S if step_s >= least_s)
    power: float = 10.0 ** math.floor(math.log10(least_s))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least_s * 0.999)


def _joined(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches in their order, those together between which there is no long pause."""
    ordered = sorted((start_s, max(end_s, start_s + 1e-3)) for start_s, end_s in stretches)
    long_s = _LONG_PAUSE * max(sum(end_s - start_s for start_s, end_s in _covered(ordered, 0.0)), 1e-3)
    return _covered(ordered, long_s)


def _covered(ordered: list[tuple[float, float]], gap_s: float) -> list[tuple[float, float]]:
    found = [ordered[0]]
    for start_s, end_s in ordered[1:]:
        if start_s - found[-1][1] <= gap_s:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((start_s, end_s))
    return found


def _told(seconds: float, step_s: float) -> str:
    if seconds == 0:
        return "0"
    for length_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if step_s >= length_s:
            return f"{seconds / length_s:.4g} {unit}"
    return f"{seconds:.6g} s" if step_s >= 1 else f"{seconds:.{max(0, -math.floor(math.log10(step_s)))}f} s"
