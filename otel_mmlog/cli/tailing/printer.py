"""How lines look: as in the ``.log`` files, with a gutter where several ranks are shown, coloured on a terminal."""

import logging
import sys
from collections.abc import Iterable
from typing import TextIO

import click

from otel_mmlog.cli.colors import is_colored
from otel_mmlog.cli.tailing.lines import Line, as_json, shown_text

_RANK_COLORS = (
    "cyan",
    "magenta",
    "green",
    "blue",
    "bright_cyan",
    "bright_magenta",
    "bright_green",
    "bright_blue",
)
_DATE_CHARS = 19


class Printer:
    """Writes lines.

    Args:
        ranks: Those whose lines are shown; with several, each line says whose it is.
        is_json: Whether each line is written as JSON.
        stream: Where to; standard output for None.

    Attributes:
        written: How many lines were written.
    """

    def __init__(self, ranks: Iterable[int], *, is_json: bool = False, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_json = is_json
        self._is_colored = is_colored(self._stream) and not is_json
        self._ranks = set(ranks)
        self.written = 0

    def write(self, lines: Iterable[Line]) -> None:
        """Write lines; they are there when this returns.

        Raises:
            OSError: They cannot be written: nobody reads any more.
        """
        for line in lines:
            self.written += 1
            self._stream.write(as_json(line) if self._is_json else self._text(line))
            self._stream.write("\n")
        self._stream.flush()

    def _text(self, line: Line) -> str:
        self._ranks.add(line.rank)
        rows = shown_text(line).split("\n")
        if self._is_colored:
            rows = [_colored(row, line.level, is_first=not number) for number, row in enumerate(rows)]
        if len(self._ranks) == 1:
            return "\n".join(rows)
        gutter = f"{line.rank:>{len(str(max(self._ranks)))}} | "
        if self._is_colored:
            gutter = click.style(gutter, fg=_RANK_COLORS[line.rank % len(_RANK_COLORS)])
        return "\n".join(gutter + row for row in rows)


def _colored(row: str, level: int, *, is_first: bool) -> str:
    if level >= logging.ERROR:
        return click.style(row, fg="red", bold=is_first)
    if level >= logging.WARNING:
        return click.style(row, fg="yellow")
    if level < logging.INFO:
        return click.style(row, dim=True)
    return click.style(row[:_DATE_CHARS], dim=True) + row[_DATE_CHARS:] if is_first else row
