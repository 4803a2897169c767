"""A child process at the other end of two pipes, neither of which ever blocks this one."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

_READ_BYTES: Final = 65536
_SIGPIPE: Final = frozenset((signal.SIGPIPE,))

_left_running: list[int] = []
"""Children that outlive their owner; whoever starts the next child looks after them."""


class ChildProcess:
    """Starts a child and holds the pipes to its stdin and from its stdout.

    Args:
        command: What to run.
        environ: Its whole environment.
        stderr_fd: Where its stderr goes; stays open here.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], stderr_fd: int) -> None:
        _reap_left_running()
        with contextlib.ExitStack() as on_failure:
            theirs_in, self._stdin = _pipe(on_failure)
            self._stdout, theirs_out = _pipe(on_failure)
            os.set_blocking(self._stdin, False)
            os.set_blocking(self._stdout, False)
            self._process = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=theirs_in,
                stdout=theirs_out,
                stderr=stderr_fd,
                start_new_session=True,
            )
            on_failure.pop_all()
        os.close(theirs_in)
        os.close(theirs_out)
        self._partial = b""
        self.is_gone = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def write(self, data: bytes) -> bool:
        """Put bytes into the pipe, all or none if they are few; False if it is full or nobody reads it."""
        if self._stdin < 0:
            return False
        try:
            _write(self._stdin, data)
        except BlockingIOError:
            return False
        except OSError:
            self.is_gone = True
            return False
        return True

    def read_lines(self) -> list[bytes]:
        """The whole lines that have come since the last call; notices when there will be no more."""
        lines: list[bytes] = []
        while self._stdout >= 0:
            try:
                data = os.read(self._stdout, _READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.is_gone = True
                break
            *whole, self._partial = (self._partial + data).split(b"\n")
            lines += whole
        return lines

    def wait(self, timeout_s: float, *, writable: bool = False) -> None:
        """Return as soon as there is something to read, or room to write if asked, or after the time."""
        poll = select.poll()  # select.select takes no descriptor above 1023
        poll.register(self._stdout, select.POLLIN)
        if writable and self._stdin >= 0:
            poll.register(self._stdin, select.POLLOUT)
        poll.poll(max(0.0, timeout_s) * 1000)

    def close_input(self) -> None:
        """Let it see the end of its input."""
        self._stdin = _close(self._stdin)

    def let_go(self, timeout_s: float = 0.0) -> None:
        """Close the pipes; a child that runs on for longer than the time is left to itself."""
        self.close_input()
        self._stdout = _close(self._stdout)
        try:
            self._process.wait(timeout=max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            _left_running.append(self._process.pid)
            self._process.returncode = 0  # else its finalizer warns of a child that nobody waited for

    def forget(self) -> None:
        """In a forked process: close its copies, since the child is not its own."""
        self.close_input()
        self._stdout = _close(self._stdout)
        self._process.returncode = 0
        self.is_gone = True


def _pipe(on_failure: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        on_failure.callback(os.close, end)
    return ends


def _close(fd: int) -> int:
    """Close a descriptor unless it is -1; returns -1."""
    if fd >= 0:
        with contextlib.suppress(OSError):
            os.close(fd)
    return -1


def _reap_left_running() -> None:
    for pid in list(_left_running):
        try:
            ended = os.waitpid(pid, os.WNOHANG)[0] != 0
        except ChildProcessError:  # somebody else waits for all children, or it is our parent's
            ended = True
        if ended:
            _left_running.remove(pid)


def _write(fd: int, data: bytes) -> None:
    """Write to a pipe; if nobody reads it that raises, also where the program lets SIGPIPE end it.

    Raises:
        OSError: Nothing was written.
    """
    if not hasattr(signal, "sigtimedwait"):
        os.write(fd, data)
        return
    was_blocked = signal.SIGPIPE in signal.pthread_sigmask(signal.SIG_BLOCK, _SIGPIPE)
    try:
        os.write(fd, data)
    except BrokenPipeError:
        if not was_blocked:
            signal.sigtimedwait(_SIGPIPE, 0)
        raise
    finally:
        if not was_blocked:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGPIPE)
