"""Tables for people: aligned, without lines, never cut in a pipe, and as wide as a terminal at most."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len, set_cell_size

from otel_mmlog.core.escape import escape

LEAST_CHARS = 16
"""To which columns are cut at most."""

_GAP = "  "
_CUT = "..."


def table(
    *rows: Sequence[str | int],
    right: Sequence[int] = (),
    style: Callable[[int, str], str] | None = None,
    width: int | None = None,
) -> str:
    """Rows as text, the first of them headings; numbers stand on the right, and the last column is as long as it is.

    Args:
        rows: Of equal lengths.
        right: Columns that stand on the right too, though they are texts.
        style: Takes a column and what stands in it, not of headings; returns it coloured.
        width: What a line may have: the widest columns lose the middle of their texts. None for as much as there is.
    """
    cells = [[f"{cell:,}" if isinstance(cell, int) else escape(cell) for cell in row] for row in rows]
    widths = _fitted([max(map(cell_len, column)) for column in zip(*cells, strict=True)], width)
    is_number = [
        index in right or all(isinstance(row[index], int) for row in rows[1:]) for index in range(len(widths))
    ]
    lines = []
    for number, row in enumerate(cells):
        padded = [
            _padded(_cut(cell, chars), chars, is_right=is_right)
            for cell, chars, is_right in zip(row, widths, is_number, strict=True)
        ]
        padded[-1] = padded[-1].rstrip()
        if style is not None and number:
            padded = [style(index, cell) for index, cell in enumerate(padded)]
        lines.append(_GAP.join(padded).rstrip())
    return "\n".join(lines)


def width_of(*rows: Sequence[str], most: int = LEAST_CHARS) -> int:
    """Return how wide a table of texts is whose columns are cut to so many characters, or to the least there is."""
    widest = [max(cell_len(escape(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return sum(min(most, chars) for chars in widest) + len(_GAP) * (len(widest) - 1)


def _fitted(widths: list[int], width: int | None) -> list[int]:
    """The widths of columns, the widest ones narrowed until the line fits, as far as that leaves something to read."""
    fitted = list(widths)
    while width is not None:
        excess = sum(fitted) + len(_GAP) * (len(fitted) - 1) - width
        *others, widest = sorted(fitted)
        if excess <= 0 or widest <= LEAST_CHARS:
            break
        next_widest = max(LEAST_CHARS, others[-1] if others else 0)
        fitted[fitted.index(widest)] = min(widest - 1, max(next_widest, widest - excess))
    return fitted


def _padded(text: str, chars: int, *, is_right: bool) -> str:
    room = " " * (chars - cell_len(text))
    return room + text if is_right else text + room


def _cut(text: str, most: int) -> str:
    """A text without its middle where it is too long: names differ at their ends."""
    if cell_len(text) <= most:
        return text
    kept = most - len(_CUT)
    end = text
    while cell_len(end) > kept // 2:  # a letter may be two columns wide
        end = end[1:]
    return f"{set_cell_size(text, kept - cell_len(end))}{_CUT}{end}"
