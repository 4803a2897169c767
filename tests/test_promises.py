"""The README's promises: each names what proves it, and that is there."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.faults.every import FAULTS

ROOT = Path(__file__).parents[1]


def promises() -> Iterator[tuple[str, list[str]]]:
    """Yield what is promised, and the names in backticks beside it."""
    table = (ROOT / "README.md").read_text().partition("## Promises\n")[2].partition("\n### ")[0]
    for promise, proof in re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)[1:]:
        yield promise, re.findall(r"`([^`]+)`", proof)


PROMISES = list(promises())


def test_there_are_promises() -> None:
    """The table was found."""
    assert len(PROMISES) > 20


@pytest.mark.parametrize(("promise", "proofs"), PROMISES, ids=[promise for promise, _ in PROMISES])
def test_what_proves_a_promise_is_there(promise: str, proofs: list[str]) -> None:
    """It names files of tests, or faults that the short form makes."""
    assert proofs, promise
    for proof in proofs:
        if proof.startswith("tests/"):
            assert (ROOT / proof).is_file(), proof
        else:
            assert any(fnmatchcase(fault.name, proof) for fault in FAULTS), proof


def test_every_group_of_faults_proves_a_promise() -> None:
    """No fault is made for nothing."""
    proofs = [proof for _, names in PROMISES for proof in names]
    unused = [fault.name for fault in FAULTS if not any(fnmatchcase(fault.name, proof) for proof in proofs)]
    assert unused == []


def test_every_fault_has_a_name_of_its_own() -> None:
    """``--only`` and the table tell them apart."""
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names))
