"""A loop ends, whatever its sink raises."""

from collections.abc import Mapping
from typing import Any

import pytest

from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.loops.loops import Loops
from otel_mmlog.loops.state import EndSpan, end_nothing


class FailingSink:
    """Cannot send a record."""

    def emit(self, kind: str, progress: Progress, windows: Mapping[str, int] | None = None) -> None:
        raise RuntimeError("no record")

    def end_iteration(self) -> None:
        """Nothing."""

    def begin_loop(self, mode: Mode) -> None:
        """Nothing."""

    def end_loop(self, mode: Mode) -> None:
        """Nothing."""

    def open_span(self, name: str, attributes: Mapping[str, Any]) -> EndSpan:
        return end_nothing


def test_loop_that_could_not_be_ended_is_over() -> None:
    """The error of its last record surfaces once; nobody tries to end it for ever."""
    loops = Loops(MessageHub("faults"), FailingSink(), by_epoch=True, interval=10, ignore_last=False)
    batches = iter(loops.train(range(100), None))
    for _ in range(5):
        next(batches)
    with pytest.raises(RuntimeError, match="no record"):
        loops.close()
    assert loops.mode is None
    loops.close()
