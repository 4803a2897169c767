"""The short form of the faults that are looked for: each promise holds."""

from pathlib import Path

import pytest

from tests.faults.fault import Context, Fault
from tests.faults.values.fuzz import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_promises_hold(fault: Fault, tmp_path: Path) -> None:
    """Nothing is wrong after the fault."""
    assert list(fault.run(Context(tmp_path)).wrong) == []
