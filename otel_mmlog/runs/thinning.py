"""Reads a long file of records whole, and keeps few of its lines: those that a picture or a comparison cannot lack."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from otel_mmlog.runs.entries import full_name, parse_entry
from otel_mmlog.runs.find import Part

_STRETCHES: Final = 4096
_LEAST_BYTES: Final = 1 << 14
_MOST_LINE_BYTES: Final = 1 << 24
_MOST_SHAPES: Final = 16
_FEW: Final = 4

_MODE = b'"mode": "'
_POSITION = re.compile(rb'"mode": "(\w+)", "epoch": \d+, "iter": \d+, "step": \d+, "tags": \{')
_PAIR = re.compile(rb'("(?:[^"\\]|\\.)*"): (?:"[^"\\]*"|[^,{}"\[\]]+)(?:, |(\}))')
_NUMBER = rb'"?(-?(?:\d[\d.eE+-]*|NaN|Infinity))"?'
_ANYTHING = rb'(?:"[^"\\]*"|[^,{}"\[\]]+)'

KINDS: Final[dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]]]] = {
    "NaN": np.isnan,
    "Inf": np.isposinf,
    "-Inf": np.isneginf,
}
"""What is not finite, by its name."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """Records of one loop with the same tags in the same order: their lines differ in numbers alone.

    Attributes:
        pattern: Finds the iteration, and the values that are wanted.
        names: Of these values.
    """

    pattern: "re.Pattern[bytes]"
    names: tuple[str, ...]


class Thinning:
    """Keeps of each stretch of a file the lines with the lowest and the highest value of each scalar that is wanted.

    Also kept are the first line and the last, the first of each kind that is not finite, and where iterations go
    back. A line is looked at without parsing it, by what lines with the same tags have in common; one that is like
    none of them is kept.

    Args:
        fits: Whether a name such as ``val/acc`` is wanted; called once for each name and order of tags.

    Attributes:
        left_out: By name, how many values of each kind that is not finite are in lines that were not kept.
        even_steps: Iterations of lines at even distances, for what extremes would bend.
    """

    def __init__(self, fits: Callable[[str], bool]) -> None:
        self._fits = fits
        self._shapes: list[_Shape] = []
        self.left_out: dict[str, Counter[str]] = {}
        self.even_steps: set[int] = set()

    def lines(self, part: Part) -> Iterator[bytes]:
        """Yield the lines of a part that are kept, in their order.

        Raises:
            OSError: The file cannot be read.
        """
        with part.path.open("rb") as file:
            file.seek(part.start)
            size = left = (os.fstat(file.fileno()).st_size if part.stop is None else part.stop) - part.start
            while left > 0:
                columns = max((len(shape.names) for shape in self._shapes), default=1)
                width = max(_LEAST_BYTES, size * max(1, columns) // _STRETCHES)
                block = file.read(min(left, width))
                if len(block) < left and not block.endswith(b"\n"):
                    block += file.readline(_MOST_LINE_BYTES)
                if not block:
                    return
                left -= len(block)
                yield from self._kept(block)

    def _kept(self, block: bytes) -> list[bytes]:
        *lines, _torn = block.split(b"\n")
        records = [line for line in lines if _MODE in line]
        kept: set[int] = set()
        for shape, places, rows in self._sorted(records, kept):
            try:
                table = np.array([list(map(float, row)) for row in rows])
            except ValueError:  # a damaged number: which one, parsing tells
                kept.update(places)
                continue
            here = _kept_rows(table)
            kept.update(places[row] for row in here)
            self._count(shape.names, np.delete(table[:, 1:], here, axis=0))
            self.even_steps.add(int(table[0, 0]))
        return [records[at] for at in sorted(kept)]

    def _sorted(
        self, records: Sequence[bytes], others: set[int]
    ) -> Iterator[tuple[_Shape, list[int], list[tuple[bytes, ...]]]]:
        """Records by their shape: where they are, and their values; those without one are put among the others."""
        left = list(range(len(records)))
        tried = 0
        while left:
            if tried == len(self._shapes) and not self._learn(records[left[0]]):
                others.add(left.pop(0))
                continue
            shape = self._shapes[tried]
            tried += 1
            matches = list(map(shape.pattern.search, [records[at] for at in left]))
            pairs = [(at, match.groups()) for at, match in zip(left, matches, strict=True) if match]
            left = [at for at, match in zip(left, matches, strict=True) if not match]
            if pairs:
                yield shape, [at for at, _ in pairs], [row for _, row in pairs]

    def _learn(self, line: bytes) -> bool:
        """Note the shape of a record; False for a line that has none."""
        position, entry = _POSITION.search(line), parse_entry(line)
        if position is None or entry is None or not entry.tags or len(self._shapes) >= _MOST_SHAPES:
            return False
        mode, at = position[1].decode(), position.end()
        names, pieces = [], []
        while (pair := _PAIR.match(line, at)) is not None:
            name = full_name(mode, json.loads(pair[1]))
            is_wanted = self._fits(name)
            names += [name] if is_wanted else []
            pieces.append(re.escape(pair[1]) + b": " + (_NUMBER if is_wanted else _ANYTHING))
            at = pair.end()
            if pair[2]:
                break
        else:
            return False
        head = rb'"mode": "%s", "epoch": \d+, "iter": (\d+), "step": \d+, "tags": \{' % position[1]
        pattern = re.compile(head + b", ".join(pieces) + rb"\}")
        if pattern.search(line) is None:  # a wanted tag that is no number
            return False
        self._shapes.append(_Shape(pattern, tuple(names)))
        return True

    def _count(self, names: Sequence[str], values: npt.NDArray[np.float64]) -> None:
        if np.isfinite(values).all():
            return
        for name, column in zip(names, values.T, strict=True):
            for kind, is_it in KINDS.items():
                count = int(is_it(column).sum())
                if count:
                    self.left_out.setdefault(name, Counter())[kind] += count


def _kept_rows(table: npt.NDArray[np.float64]) -> list[int]:
    """Which rows of iteration and values are kept."""
    if len(table) <= _FEW:
        return list(range(len(table)))
    rows = {0, len(table) - 1}
    for column in table.T[1:]:
        is_finite = np.isfinite(column)
        if is_finite.all():
            rows |= {int(column.argmin()), int(column.argmax())}
            continue
        if is_finite.any():
            rows.add(int(np.where(is_finite, column, np.inf).argmin()))
            rows.add(int(np.where(is_finite, column, -np.inf).argmax()))
        rows |= {int(is_it(column).argmax()) for is_it in KINDS.values() if is_it(column).any()}
    back = np.flatnonzero(np.diff(table[:, 0]) < 0)
    rows.update(back.tolist(), (back + 1).tolist())
    return sorted(rows)
