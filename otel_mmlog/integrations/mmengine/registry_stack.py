"""The registry calls that are under way in each thread, and the lines that may turn out to be theirs."""

import logging
import sys
import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

from otel_mmlog.integrations.mmengine.registry_facts import Facts
from otel_mmlog.integrations.mmengine.sink import Sink, Span

_MAX_LOGGING_FRAMES = 24
"""How far above us ``print_log`` may be: a logger, its handlers, and subclasses of both are in between."""


@dataclass(eq=False, slots=True)
class Call:
    """A call of the registry that is under way.

    Attributes:
        kind: ``request`` is a ``Registry.build`` whose build function has not entered the registry, or never will.
        facts: What is known of it so far.
        wanted: The type that the config names; for a get, the key.
        resolved: Whether `facts` has the class itself, not only what the config calls it.
        registry: What a request was made of.
        start_ns: When it began.
        used: Whether a build came of a request.
        span: None until there is one.
        frames: Ids of the frames of a build's functions. They are on the stack as long as their ids are here.
        held: The latest line that may be the one that MMEngine ends this call with.
        failure: What a build inside it failed with, which has been told of.
        done: Whether it is over.
    """

    kind: Literal["get", "build", "request"]
    facts: Facts
    wanted: Any = None
    resolved: bool = False
    registry: Any = None
    start_ns: int = 0
    used: bool = False
    span: Span | None = None
    frames: set[int] = field(default_factory=set)
    held: logging.LogRecord | None = None
    failure: BaseException | None = None
    done: bool = False

    def resolve(self, key: Any, facts: Facts) -> None:
        """Take the facts of a get inside this call, if that is the get of the type to be built."""
        if self.kind == "get" or self.resolved or (self.wanted is not None and self.wanted != key):
            return
        self.resolved = True
        self.add(facts)

    def add(self, facts: Facts) -> None:
        """Add facts, to the span as well."""
        known = self.facts
        news = {name: fact for name, fact in facts.items() if name not in known or known[name] != fact}
        known.update(news)
        if news and self.span is not None:
            self.span.set(news)

    def may_end_with(self, record: logging.LogRecord) -> bool:
        """Whether a record may be MMEngine's line of this call; for a build, only its own functions print that."""
        if record.levelno != logging.DEBUG or self.kind == "request":
            return False
        return self.kind == "get" or _author_id() in self.frames


class _Thread(threading.local):
    def __init__(self) -> None:
        self.calls: list[Call] = []


class CallStack:
    """The calls that are under way in the current thread.

    Args:
        sink: Gets the lines that are nobody's.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._thread = _Thread()

    def top(self) -> Call | None:
        """Return the innermost call, or None."""
        calls = self._thread.calls
        while calls and calls[-1].done:  # ended by another thread, as a generator's may be
            calls.pop()
        return calls[-1] if calls else None

    def under_way(self) -> list[Call]:
        """Return this thread's calls, the outermost first."""
        return [call for call in self._thread.calls if not call.done]

    def settle(self) -> None:
        """Pass on the line that is held: something follows it, so it was not the last of its call."""
        if (call := self.top()) is not None:
            self.release(call)

    def push(self, call: Call) -> None:
        """Put a call inside the innermost one."""
        self._thread.calls.append(call)

    def pop(self, call: Call) -> None:
        """Take a call away, and those inside it that never ended."""
        call.done = True
        calls = self._thread.calls
        if call in calls:
            for leftover in calls[calls.index(call) + 1 :]:
                self.release(leftover)
            del calls[calls.index(call) :]

    def release(self, call: Call) -> None:
        """Write the line that a call holds as an ordinary one."""
        record, call.held = call.held, None
        if record is not None:
            self._sink.write(record)

    def log(self, record: logging.LogRecord) -> None:
        """Take a line: hold it if it may be the innermost call's, else pass it on."""
        self.settle()
        call = self.top()
        if call is not None and call.may_end_with(record):
            call.held = record
        else:
            self._sink.write(record)


def _author_id() -> int | None:
    """Return the id of the frame that called MMEngine's ``print_log``, or None if nobody did."""
    frame: FrameType | None = sys._getframe(3)
    for _ in range(_MAX_LOGGING_FRAMES):
        if frame is None:
            return None
        if frame.f_code.co_name == "print_log":
            return id(frame.f_back)
        frame = frame.f_back
    return None
