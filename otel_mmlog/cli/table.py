"""Tables for people: aligned, without lines, never cut, so that they can be piped and copied."""

from collections.abc import Callable, Sequence

from otel_mmlog.core.escape import escape


def table(
    *rows: Sequence[str | int],
    right: Sequence[int] = (),
    style: Callable[[int, str], str] | None = None,
) -> str:
    """Rows as text, the first of them headings; numbers stand on the right, and the last column is as long as it is.

    Args:
        rows: Of equal lengths.
        right: Columns that stand on the right too, though they are texts.
        style: Takes a column and what stands in it, not of headings; returns it coloured.
    """
    cells = [[f"{cell:,}" if isinstance(cell, int) else escape(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [
        index in right or all(isinstance(row[index], int) for row in rows[1:]) for index in range(len(widths))
    ]
    lines = []
    for number, row in enumerate(cells):
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, is_number, strict=True)
        ]
        padded[-1] = padded[-1].rstrip()
        if style is not None and number:
            padded = [style(index, cell) for index, cell in enumerate(padded)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
