"""What every test of this folder starts from: no proxy and no bundle of authorities that the machine has."""

import os

import pytest


@pytest.fixture(autouse=True)
def plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that changes where requests go or whom they trust."""
    for name in os.environ:
        if name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
