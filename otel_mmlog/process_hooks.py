"""What a run attaches to its process while it lives, and takes off again when it closes."""

import atexit
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from otel_mmlog.last_resort import LastResort
from otel_mmlog.termination import Termination

THREAD = "a thread"
"""Where an exception was raised that does not end the process."""

ExceptionCallback = Callable[[BaseException, str], None]


class ProcessHooks:
    """Root handler, uncaught exceptions, warnings, SIGTERM and the end of the process.

    What someone else put over one of these hooks meanwhile stays.

    Args:
        handler: Attached to the root logger, so that every library's log calls reach the run.
        level: The root logger is opened to this level if it is stricter; None leaves it alone, for what it lets
            through others may print.
        passes_on: Whether warnings, of Python and of libraries, are printed as without the run, because it
            prints nothing itself.
        on_exception: Called with an uncaught exception and where it was raised.
        on_exit: Called when the interpreter ends.
        on_terminate: Called with what SIGTERM is to the run, before the process dies of it.
    """

    def __init__(
        self,
        *,
        handler: logging.Handler,
        level: int | None,
        passes_on: bool,
        on_exception: ExceptionCallback,
        on_exit: Callable[[], Any],
        on_terminate: Callable[[BaseException], Any],
    ) -> None:
        self._handler = handler
        self._level = level
        self._passes_on = passes_on
        self._on_exception = on_exception
        self._on_exit = on_exit
        self._termination = Termination(on_terminate)
        self._installed = False
        self._root_level: int | None = None
        self._last_resort: LastResort | None = None

    def install(self) -> None:
        """Attach everything; the hooks that were there are called after ours."""
        root = logging.getLogger()
        if self._level is not None and root.level > self._level:
            self._root_level = root.level
            root.setLevel(self._level)
        root.addHandler(self._handler)
        if self._passes_on:
            self._last_resort = LastResort(self._handler)
            root.addHandler(self._last_resort)
        self._previous_excepthook, sys.excepthook = sys.excepthook, self._excepthook
        self._previous_threadhook, threading.excepthook = threading.excepthook, self._threadhook
        self._previous_showwarning, warnings.showwarning = warnings.showwarning, self._showwarning
        atexit.register(self._on_exit)
        self._termination.install()
        self._installed = True

    def ensure(self) -> None:
        """Attach the handler again where a ``dictConfig`` or a ``basicConfig(force=True)`` has taken it off."""
        if self._installed:
            logging.getLogger().addHandler(self._handler)

    def remove(self) -> None:
        """Take off what is still ours."""
        self._installed = False
        self._termination.remove()
        atexit.unregister(self._on_exit)
        root = logging.getLogger()
        root.removeHandler(self._handler)
        if self._last_resort is not None:
            root.removeHandler(self._last_resort)
        if self._root_level is not None and root.level == self._level:
            root.setLevel(self._root_level)
        if sys.excepthook == self._excepthook:
            sys.excepthook = self._previous_excepthook
        if threading.excepthook == self._threadhook:
            threading.excepthook = self._previous_threadhook
        if warnings.showwarning == self._showwarning:
            warnings.showwarning = self._previous_showwarning

    def _excepthook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self._on_exception(error, "main thread")
        self._previous_excepthook(kind, error, trace)

    def _threadhook(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._on_exception(args.exc_value, THREAD)
        self._previous_threadhook(args)

    def _showwarning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None or self._passes_on:
            self._previous_showwarning(message, category, filename, lineno, file, line)
        if file is not None:
            return
        text = f"{filename}:{lineno}: {category.__name__}: {message}"
        logger = logging.getLogger("py.warnings")  # the name that logging.captureWarnings uses
        record = logger.makeRecord(logger.name, logging.WARNING, filename, lineno, "%s", (text,), None)
        logger.handle(record)
