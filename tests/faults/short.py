"""Short forms of faults, several at a time: most of them wait for somebody."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.fault import Context, Fault
from tests.faults.outcome import Outcome

AT_ONCE = 4


def make_all(faults: Sequence[Fault], folder: Path) -> Mapping[str, "Future[list[str]]"]:
    """Make the faults; by their names, what was wrong, or what was raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {fault.name: pool.submit(_wrong, fault, folder / fault.name) for fault in faults}


def outcomes(faults: Sequence[Fault], folder: Path) -> Mapping[str, "Future[Outcome]"]:
    """Make the faults, of which some may not be possible here; by their names, what became of them."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {fault.name: pool.submit(_outcome, fault, folder / fault.name) for fault in faults}


def must_be_good(outcome: Outcome) -> None:
    """Fail if a promise did not hold; skip if the fault was not made."""
    if outcome.note.startswith("not made"):
        pytest.skip(outcome.note)
    assert list(outcome.wrong) == []


def _wrong(fault: Fault, folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    return list(fault.run(Context(folder)).wrong)


def _outcome(fault: Fault, folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    return fault.run(Context(folder))
