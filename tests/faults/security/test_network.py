"""The short form of the faults of security on the network: each promise holds."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.faults.outcome import Outcome
from tests.faults.security import listening as security_sockets
from tests.faults.security import network as security_network
from tests.faults.security import proxies as security_proxies
from tests.faults.short import must_be_good, outcomes

FAULTS = (*security_network.FAULTS, *security_proxies.FAULTS, *security_sockets.FAULTS)
Found = Mapping[str, "Future[Outcome]"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What became of each fault."""
    return outcomes(FAULTS, tmp_path_factory.mktemp("security"))


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_promises_hold(found: Found, name: str) -> None:
    """Nothing is wrong after the fault."""
    must_be_good(found[name].result())
