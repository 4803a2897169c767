"""SIGTERM: the run is closed first, then the process dies of the signal as it would have without us."""

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

handing_over: set[CodeType] = set()
"""Functions of ours around a call of somebody else's, for as long as that takes: what is under way is that call."""

_OURS = __name__.partition(".")[0]
_SDK = "opentelemetry"
_PATIENCE_S = 1.0


class Terminated(BaseException):
    """What ended a run whose process got a SIGTERM; it is never raised."""


class Termination:
    """A handler of SIGTERM, where nobody else has one.

    A call of ours, or of the SDK, that the signal interrupts is let return first: its lines and locks are half
    done. One that does not return within a second, for a loader hangs below it, is not waited for.

    Args:
        on_terminate: Called in the main thread, before the process dies of the signal.
    """

    def __init__(self, on_terminate: Callable[[BaseException], Any]) -> None:
        self._on_terminate = on_terminate
        self._pid = os.getpid()
        self._waits = False

    def install(self) -> None:
        """Take SIGTERM, if this is the main thread and the signal would end the process.

        The first process of a container is one that it would not end: without a handler the kernel keeps it from it.
        """
        if not _is_main_thread() or os.getpid() == 1 or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            return
        signal.signal(signal.SIGTERM, self._handle)
        forget = weakref.WeakMethod(self.remove)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def remove(self) -> None:
        """Let SIGTERM end the process at once again, if the handler is still ours."""
        if _is_main_thread() and signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _handle(self, _number: int, frame: FrameType | None) -> None:
        call = _interrupted_call(frame)
        if call is None or self._waits:
            self._end()
            return
        self._waits = True
        call.f_trace_lines = False
        call.f_trace = self._on_event
        sys.settrace(_trace_nothing)  # without any, no frame's own function is called
        with contextlib.suppress(RuntimeError):  # the system has no thread left
            _thread.start_new_thread(_send_again, (self._pid,))

    def _on_event(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "return":  # also where it yields or raises
            sys.settrace(None)
            self._end()
        return self._on_event

    def _end(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            if os.getpid() == self._pid:
                self._on_terminate(Terminated("SIGTERM"))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


def _interrupted_call(frame: FrameType | None) -> FrameType | None:
    """The outermost call of ours that is under way, else that of the SDK, or None."""
    calls: dict[str, FrameType] = {}
    while frame is not None:
        if frame.f_code not in handing_over:
            calls[str(frame.f_globals.get("__name__")).partition(".")[0]] = frame
        frame = frame.f_back
    return calls.get(_OURS) or calls.get(_SDK)


def _trace_nothing(*_: object) -> None:
    """Trace no new frame."""


def _send_again(pid: int) -> None:
    time.sleep(_PATIENCE_S)
    os.kill(pid, signal.SIGTERM)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
