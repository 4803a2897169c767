"""A grid of characters to draw lines on: eight dots a character in braille, or one letter a character."""

import numpy as np

from otel_mmlog.plots.chart import Floats

_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
NOBODY = -1


class Canvas:
    """Lines of several owners, the later above the earlier.

    Args:
        columns: Characters in a row.
        rows: How many rows.
        letters: What each owner is drawn with; empty for braille.
    """

    def __init__(self, columns: int, rows: int, letters: str = "") -> None:
        self._letters = letters
        self._across, self._down = (1, 1) if letters else (2, 4)
        self._dots = np.zeros((rows, columns), dtype=np.int64)
        self._owners = np.full((rows, columns), NOBODY)
        self._marks: dict[tuple[int, int], str] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns in dots."""
        rows, columns = self._dots.shape
        return rows * self._down, columns * self._across

    @property
    def columns(self) -> int:
        """Characters in a row."""
        return int(self._dots.shape[1])

    def line(self, owner: int, x: Floats, y: Floats) -> None:
        """Draw a line through points; x and y go from 0 to 1, y upwards, with NaN for gaps."""
        height, width = self.shape
        across, up = x * (width - 1), y * (height - 1)
        for at in range(len(x)):
            if np.isnan(up[at]):
                continue
            self._put(owner, across[at : at + 1], up[at : at + 1])
            if at + 1 < len(x) and not np.isnan(up[at + 1]):
                steps = int(max(abs(across[at + 1] - across[at]), abs(up[at + 1] - up[at]))) + 2
                self._put(
                    owner,
                    np.linspace(across[at], across[at + 1], steps),
                    np.linspace(up[at], up[at + 1], steps),
                )

    def mark(self, owner: int, x: float, row: int, sign: str) -> None:
        """Put a sign into a row; x goes from 0 to 1."""
        column = round(x * (self._dots.shape[1] - 1))
        row = row % self._dots.shape[0]
        self._marks[row, column] = sign
        self._owners[row, column] = owner

    def row_of(self, y: float) -> int:
        """Return the row in which a y from 0 to 1 is."""
        height, _ = self.shape
        return (height - 1 - round(y * (height - 1))) // self._down

    def rows(self) -> list[list[tuple[str, int]]]:
        """Return each row as texts with their owners, `NOBODY` for blanks."""
        found: list[list[tuple[str, int]]] = []
        for row in range(self._dots.shape[0]):
            texts: list[tuple[str, int]] = []
            for column in range(self._dots.shape[1]):
                owner = int(self._owners[row, column])
                sign = self._sign(row, column, owner)
                if texts and texts[-1][1] == owner:
                    texts[-1] = texts[-1][0] + sign, owner
                else:
                    texts.append((sign, owner))
            found.append(texts)
        return found

    def _sign(self, row: int, column: int, owner: int) -> str:
        if (row, column) in self._marks:
            return self._marks[row, column]
        if owner == NOBODY:
            return " "
        return (
            self._letters[owner % len(self._letters)]
            if self._letters
            else chr(_BRAILLE + self._dots[row, column])
        )

    def _put(self, owner: int, across: Floats, up: Floats) -> None:
        height, width = self.shape
        columns = np.clip(np.rint(across).astype(np.int64), 0, width - 1)
        rows = height - 1 - np.clip(np.rint(up).astype(np.int64), 0, height - 1)
        cells = rows // self._down, columns // self._across
        np.bitwise_or.at(self._dots, cells, _DOTS[rows % self._down, columns % self._across])
        self._owners[cells] = owner
