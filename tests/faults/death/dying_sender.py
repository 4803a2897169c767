"""A sender that kills itself: a file says at which point, and at which time that it gets there, as in ``cursor 2``.

The file goes when it was read, so that the next sender lives.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from otel_mmlog import sender_main
from otel_mmlog.sender.cursor import Cursor
from otel_mmlog.sender.http_transport import HttpTransport
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.segment_files import SegmentFiles

PLAN = "OTEL_MMLOG_TEST_DEATH"
"""The variable that names the file."""


class _Point(NamedTuple):
    """A call, and whether the point is before it; only results that are ``counted`` are there."""

    owner: type
    method: str
    before: bool = False
    counted: Callable[[Any], bool] = lambda _: True


_POINTS = {
    "read": _Point(JournalReader, "next_batch", counted=lambda batch: batch is not None),
    "answered": _Point(HttpTransport, "send"),
    "acknowledged": _Point(Cursor, "write", before=True),
    "cursor": _Point(Cursor, "write"),
    "unlinked": _Point(SegmentFiles, "remove", counted=bool),
}
POINTS = (*_POINTS, "cursor-replaced")
"""A batch is read, answered, acknowledged in memory, then on disk; a segment is gone; a new cursor is all but there."""


def main(environ: Mapping[str, str], plan: Mapping[str, Any]) -> NoReturn:
    """Run the sender."""
    file = Path(environ[PLAN])
    if file.exists():
        point, count = file.read_text().split()
        file.unlink()
        _arm(point, _Countdown(int(count)))
    sender_main.main(environ, plan)


class _Countdown:
    """Kills the process at the last call."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: str, arrive: Callable[[], None]) -> None:
    if point not in _POINTS:
        sys.addaudithook(
            lambda event, arguments: arrive() if event == "os.rename" and _is_new_cursor(arguments) else None
        )
        return
    owner, method, before, counted = _POINTS[point]
    original = getattr(owner, method)

    @wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        if before:
            arrive()
        result = original(*arguments, **options)
        if not before and counted(result):
            arrive()
        return result

    setattr(owner, method, call)


def _is_new_cursor(arguments: tuple[Any, ...]) -> bool:
    return os.fsdecode(arguments[0]).endswith("cursor.new")
