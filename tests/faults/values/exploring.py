"""Looks for inputs that break a promise: as many as asked for, or for as long as there is time."""

import itertools
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

_ROUND = 250
_MAX_CHARS = 2000
_T = TypeVar("_T")


def explore(
    strategy: SearchStrategy[_T], check: Callable[[_T], object], *, least: int, minutes: float | None
) -> tuple[int, list[str]]:
    """Check examples until enough are checked, and the time is over or one fails.

    Args:
        strategy: Makes examples.
        check: Raises for one that breaks a promise.
        least: How many at least.
        minutes: For how long at least; None for no longer than that takes.

    Returns:
        How many were checked, and what is wrong with the smallest one that failed.
    """
    count = 0
    until_s = time.monotonic() + 60 * (minutes or 0)

    def counted(example: _T) -> None:
        nonlocal count
        count += 1
        try:
            check(example)
        except HypothesisException:
            raise
        except Exception as error:
            raise BrokenPromiseError(f"{error!r:.{_MAX_CHARS}} with {example!r:.{_MAX_CHARS}}") from error

    for number in itertools.count():
        try:
            _round(strategy, counted, number, min(_ROUND, least))
        except BrokenPromiseError as error:
            return count, [str(error)]
        if count >= least and time.monotonic() >= until_s:
            return count, []
    raise AssertionError("unreachable")


class BrokenPromiseError(Exception):
    """An example that breaks a promise; the text says how, and which."""


def _round(strategy: SearchStrategy[Any], check: Callable[[Any], None], number: int, examples: int) -> None:
    """Check some examples, the same ones for the same number; raises for the smallest that fails."""
    explored = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(seed(number)(given(strategy)(check)))
    explored()
