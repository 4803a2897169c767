"""The short form of an outage: each promise holds."""

from pathlib import Path

import pytest

from tests.faults.endpoint.outage import FAULTS
from tests.faults.fault import Context, Fault
from tests.faults.short import must_be_good


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_promises_hold(fault: Fault, tmp_path: Path) -> None:
    """Nothing is wrong after the fault."""
    must_be_good(fault.run(Context(tmp_path)))
