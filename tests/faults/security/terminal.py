"""Programs on a terminal."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence

from tests.processes import REPOSITORY, TIMEOUT_S, environment


def run_on_terminal(command: Sequence[str], variables: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a program whose output and errors go to a terminal; returns its exit code and what the terminal got."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment({"TERM": "xterm", "NO_COLOR": "", **(variables or {})}),
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
        )
    finally:
        os.close(terminal)
    shown = bytearray()
    try:
        while piece := _read(controller):
            shown += piece
    finally:
        os.close(controller)
        code = process.wait(TIMEOUT_S)
    return code, shown.decode("utf-8")


def _read(controller: int) -> bytes:
    """What comes next; nothing at the end, which Linux tells as an error."""
    try:
        return os.read(controller, 65536)
    except OSError:
        return b""
