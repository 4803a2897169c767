"""MMEngine's own unit tests for histories and hub, with flat histories: name the file to run it."""

from pathlib import Path

import pytest

from tests.oracle.upstream_suite import passing, upstream

__all__ = ["upstream"]

HUB_PLUGIN = """
import importlib.util

import mmengine.utils
from mmengine.logging import MessageHub
from otel_mmlog.core.tensors import is_tensor
from otel_mmlog.integrations.mmengine import flat_hub
from otel_mmlog.integrations.mmengine.patches import Patches

flat_hub.wrap(Patches(), MessageHub, is_tensor)
# mmengine's own asks pkg_resources, which setuptools no longer has
mmengine.utils.is_installed = lambda name: importlib.util.find_spec(name) is not None
"""
HISTORY_PLUGIN = """
import mmengine.logging
from otel_mmlog.integrations.mmengine.flat_history import FlatHistory

mmengine.logging.HistoryBuffer = FlatHistory
"""
ACTIVE = '''
import mmengine.logging


def test_active():
    """What the other tests update is flat."""
    hub = mmengine.logging.MessageHub("active")
    hub.update_scalar("x", 1.0)
    found = type(hub.get_scalar("x")), mmengine.logging.HistoryBuffer
    assert "FlatHistory" in [cls.__name__ for cls in found]
'''


@pytest.mark.parametrize(
    ("plugin", "file", "count"),
    [
        (HUB_PLUGIN, "test_message_hub.py", 13),  # 12 of mmengine's and the one above
        (HISTORY_PLUGIN, "test_history_buffer.py", 11),
    ],
    ids=["hub", "history"],
)
def test_upstream_suite(upstream: Path, plugin: str, file: str, count: int) -> None:
    """MMEngine's tests pass, all of them."""
    (upstream / "flat_plugin.py").write_text(plugin)
    (upstream / "test_active.py").write_text(ACTIVE)
    assert f"{count} passed" in passing(upstream, "flat_plugin", "test_active.py", file)
