"""The short form of the faults of clocks: each promise holds."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.fault import Context, Fault
from tests.faults.outcome import Outcome
from tests.faults.short import must_be_good
from tests.faults.values.clocks import FAULTS


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[Outcome]"]]:
    """All of them at the same time: they mostly wait."""
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        yield {
            fault.name: pool.submit(fault.run, Context(tmp_path_factory.mktemp("clock"))) for fault in FAULTS
        }


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_promises_hold(fault: Fault, outcomes: dict[str, "Future[Outcome]"]) -> None:
    """Nothing is wrong after the fault."""
    must_be_good(outcomes[fault.name].result(120))
