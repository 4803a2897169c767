"""Shows a run under the cell of a Jupyter notebook that runs it, as one table that is updated in place."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from otel_mmlog.core.record import LogEvent
from otel_mmlog.otel.semconv import EVENT_RUN_END
from otel_mmlog.pipeline.standing import Standing, html_block, text_block

UPDATE_S = 0.5
"""Seconds between two updates: a browser redraws the cell at each."""


def running_shell() -> Any:
    """The shell of the Jupyter kernel that this process is, or None: IPython is never imported for this."""
    module = sys.modules.get("ipykernel.zmqshell")
    kind = getattr(module, "ZMQInteractiveShell", None)
    if kind is None or not kind.initialized():
        return None
    shell = kind.instance()
    session = getattr(getattr(shell, "display_pub", None), "session", None)
    # A forked child of a kernel has its parent's shell, which sends nothing.
    return shell if getattr(session, "pid", None) == os.getpid() else None


class CellOutput:
    """Shows where the run stands: under each cell that makes records, all of them kept up to date.

    Args:
        shell: What `running_shell` returned.
        standing: The run's; read at records and at the end.
        clock: Seconds that never go back.
    """

    name = "notebook"

    def __init__(
        self, shell: Any, standing: Standing, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shell = shell
        self._standing = standing
        self._clock = clock
        self._pid = os.getpid()
        self._display_id = uuid4().hex
        self._cell: object = None
        self._next_s = 0.0
        self._is_behind = False
        self._shell.events.register("post_run_cell", self._end_cell)

    def write(self, event: LogEvent) -> None:
        """Update the table, if the event is a record or the run's end.

        Raises:
            Exception: Whatever the kernel's connection raises.
        """
        is_end = event.event_name == EVENT_RUN_END
        if os.getpid() != self._pid or not (is_end or event.record is not None):
            return
        is_new = not is_end and self._is_new_cell()
        if is_new or is_end or self._clock() >= self._next_s:
            self._publish(update=not is_new)
        else:
            self._is_behind = True

    def close(self) -> None:
        """Let go of the kernel; the table stays in the notebook."""
        with contextlib.suppress(ValueError):  # whoever resets the kernel's events has taken it out already
            self._shell.events.unregister("post_run_cell", self._end_cell)

    def _end_cell(self, _result: object) -> None:
        """Show what the last records of a cell came too fast for; a fault is counted at the next record."""
        if self._is_behind and os.getpid() == self._pid:
            with contextlib.suppress(Exception):
                self._publish(update=True)

    def _is_new_cell(self) -> bool:
        """Whether the records of another cell begin; a thread's are shown where it began."""
        cell = self._shell.execution_count
        if cell == self._cell or (
            self._cell is not None and threading.current_thread() is not threading.main_thread()
        ):
            return False
        self._cell = cell
        return True

    def _publish(self, *, update: bool) -> None:
        if update and self._cell is None:  # there is nothing to update
            return
        self._next_s, self._is_behind = self._clock() + UPDATE_S, False
        data = {"text/plain": text_block(self._standing), "text/html": html_block(self._standing)}
        self._shell.display_pub.publish(data, transient={"display_id": self._display_id}, update=update)
