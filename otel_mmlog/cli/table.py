"""Tables for people: aligned, without lines, never cut, so that they can be piped and copied."""

from collections.abc import Sequence

from otel_mmlog.core.escape import escape


def table(*rows: Sequence[str | int]) -> str:
    """Rows as text, the first of them headings; numbers stand on the right, and the last column is as long as it is."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else escape(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [all(isinstance(row[index], int) for row in rows[1:]) for index in range(len(widths))]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
