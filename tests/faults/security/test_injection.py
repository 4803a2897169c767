"""The short form of the faults of hostile text: each promise holds."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.faults.security.injection import FAULTS
from tests.faults.short import make_all

Found = Mapping[str, "Future[list[str]]"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What is wrong after each fault."""
    return make_all(FAULTS, tmp_path_factory.mktemp("injection"))


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_promises_hold(found: Found, name: str) -> None:
    """Nothing is wrong after the fault."""
    assert found[name].result() == []
