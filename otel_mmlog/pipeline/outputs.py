"""Where rendered events go: console, text file, JSON file."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Protocol, TextIO

from otel_mmlog.core.record import LogEvent
from otel_mmlog.pipeline.line_file import LineFile
from otel_mmlog.pipeline.text import CONSOLE_TIME, TextRenderer, message

OWN_LOGGER = "otel_mmlog"
"""The logger of what the package itself has to tell."""
_MAX_SEEN = 10_000


class Output(Protocol):
    """One destination of events; what it raises is counted by the handler and costs no other output."""

    name: str

    def write(self, event: LogEvent) -> None:
        """Write one event."""

    def close(self) -> None:
        """Release what the output holds."""


class FileOutput:
    """Writes rendered events to a `LineFile`.

    Args:
        name: What the output is called where faults are counted.
        file: The open file.
        render: Event to line, without a newline.
        once: Whether each WARNING text is written once only, as MMEngine does in its text.
        skip: Names of events that are not written.
    """

    def __init__(
        self,
        name: str,
        file: LineFile,
        render: Callable[[LogEvent], str],
        *,
        once: bool,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self._file = file
        self._render = render
        self._skip = skip
        self._is_new = OnceFilter() if once else None

    def write(self, event: LogEvent) -> None:
        """Append one line.

        Raises:
            OSError: The file could not be written.
        """
        if event.event_name not in self._skip and (self._is_new is None or self._is_new(event)):
            self._file.append(self._render(event))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ConsoleOutput:
    """Prints events to standard output as it is at that moment, so that notebooks and test runners see them.

    Args:
        level: Events below it are not printed (MMEngine: ERROR on ranks above 0).
        color: True or False to force or forbid colour, None to use it on a terminal.
        skip: Names of events that are not printed: an uncaught exception is on standard error already.
    """

    name = "console"

    def __init__(self, *, level: int, color: bool | None, skip: frozenset[str] = frozenset()) -> None:
        self._level = level
        self._skip = skip
        self._color = color
        self._plain = TextRenderer(time_format=CONSOLE_TIME)
        self._colored = TextRenderer(time_format=CONSOLE_TIME, color=True)
        self._is_new = OnceFilter()
        self._pid = os.getpid()

    def write(self, event: LogEvent) -> None:
        """Print one line and flush.

        Raises:
            OSError: The console is gone.
            ValueError: The console is closed.
        """
        stream = sys.stdout
        hidden = event.level < self._level or event.event_name in self._skip
        if hidden or stream is None or not self._is_new(event):
            return
        color = stream.isatty() if self._color is None else self._color
        line = (self._colored if color else self._plain).render(event) + "\n"
        if os.getpid() == self._pid:
            _print(stream, line)
            stream.flush()
        else:  # a forked worker's copy of the buffer may hold text that the parent will print
            os.write(stream.fileno(), line.encode(stream.encoding or "utf-8", "backslashreplace"))

    def close(self) -> None:
        """Nothing: standard output is not ours."""


class WarningOutput:
    """Prints the package's own warnings to standard error, for runs whose lines somebody else prints."""

    name = "console"

    def __init__(self) -> None:
        self._renderer = TextRenderer(time_format=CONSOLE_TIME)

    def write(self, event: LogEvent) -> None:
        """Print a warning of the package, and nothing else.

        Raises:
            OSError: Standard error is gone.
            ValueError: Standard error is closed.
        """
        if event.logger == OWN_LOGGER and event.level >= logging.WARNING and sys.stderr is not None:
            _print(sys.stderr, self._renderer.render(event) + "\n")

    def close(self) -> None:
        """Nothing: standard error is not ours."""


class OnceFilter:
    """Lets each WARNING text through once (mmengine's `FilterDuplicateWarning`, by its text as it is shown)."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, event: LogEvent) -> bool:
        """Whether the event is to be written."""
        if event.level != logging.WARNING:
            return True
        text = message(event)
        if text in self._seen:
            return False
        if len(self._seen) < _MAX_SEEN:
            self._seen.add(text)
        return True


def _print(stream: TextIO, line: str) -> None:
    try:
        stream.write(line)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
