"""Fixtures of the end-to-end tests."""

from pathlib import Path

import pytest


@pytest.fixture
def configs() -> Path:
    """The folder of the Collector configurations that users copy."""
    return Path(__file__).parents[2] / "collector-config"
