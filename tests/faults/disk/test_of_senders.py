"""The short form of what a disk refuses a sender: each promise holds."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.faults.disk.of_senders import FAULTS
from tests.faults.outcome import Outcome
from tests.faults.short import must_be_good, outcomes

Found = Mapping[str, "Future[Outcome]"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What became of each fault."""
    return outcomes(FAULTS, tmp_path_factory.mktemp("disk_sender"))


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_promises_hold(found: Found, name: str) -> None:
    """Nothing is wrong after the fault, as far as it can be made here."""
    must_be_good(found[name].result())
