"""The short form of the ways in which a training ends by itself: each promise holds."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.faults.death.exits import FAULTS
from tests.faults.outcome import Outcome
from tests.faults.short import must_be_good, outcomes

Made = Mapping[str, "Future[Outcome]"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What became of each fault."""
    return outcomes(FAULTS, tmp_path_factory.mktemp("exits"))


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_promises_hold(made: Made, name: str) -> None:
    """Nothing is wrong after the fault, if it can be made here."""
    must_be_good(made[name].result())
