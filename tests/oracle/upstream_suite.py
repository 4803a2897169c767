"""MMEngine's own unit tests for histories, hub and log processor, run on our classes.

The tests are fetched, not kept here: the sdist of onedl-mmengine, which is MMEngine with its tests, has them. Hence
the name, which keeps this out of a plain ``pytest``: name the file to run it.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SDIST = "onedl-mmengine==0.10.12"
FILES = [
    "tests/test_logging/test_history_buffer.py",
    "tests/test_logging/test_message_hub.py",
    "tests/test_runner/test_log_processor.py",
]
DESELECTED = {
    "test_message_hub.py::TestMessageHub::test_state_dict": (
        "expects HistoryBuffer objects in the state dict; ours holds plain types, so that weights_only loading works"
    ),
    "test_log_processor.py::TestLogProcessor::test_parse_windows_size": (
        "calls a private method that ours lacks: windows are resolved in rules, tests/core/test_window.py has the same"
    ),
}
PLUGIN = """
import importlib.util

import mmengine.logging, mmengine.logging.history_buffer, mmengine.logging.message_hub, mmengine.runner
import mmengine.runner.log_processor, mmengine.runner.runner
from mmengine.registry import LOG_PROCESSORS
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.log_processor import LogProcessor

for module in (mmengine.logging, mmengine.logging.history_buffer, mmengine.logging.message_hub,
               mmengine.runner, mmengine.runner.log_processor, mmengine.runner.runner):
    for replacement in (HistoryBuffer, MessageHub, LogProcessor):
        if hasattr(module, replacement.__name__):
            setattr(module, replacement.__name__, replacement)
# mmengine's own asks pkg_resources, which setuptools no longer has
mmengine.utils.is_installed = lambda name: importlib.util.find_spec(name) is not None
LOG_PROCESSORS.register_module(name="LogProcessor", module=LogProcessor, force=True)
"""

REPLACED = '''
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.registry import LOG_PROCESSORS


def test_replaced():
    """The classes that the other tests import are ours."""
    classes = [HistoryBuffer, MessageHub, type(LOG_PROCESSORS.build({"type": "LogProcessor"}))]
    assert all(cls.__module__.startswith("otel_mmlog.") for cls in classes)
'''

CONFIGURED_PLUGIN = """
import mmengine.runner, mmengine.runner.log_processor
from mmengine.registry import LOG_PROCESSORS
from otel_mmlog.integrations.mmengine import OTelLogProcessor

mmengine.runner.LogProcessor = mmengine.runner.log_processor.LogProcessor = OTelLogProcessor
LOG_PROCESSORS.register_module(name="LogProcessor", module=OTelLogProcessor, force=True)
"""

CONFIGURED = '''
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor
from otel_mmlog.integrations.mmengine import OTelLogProcessor


def test_replaced():
    """The class that the other tests use is ours."""
    assert LogProcessor is OTelLogProcessor
    assert type(LOG_PROCESSORS.build({"type": "LogProcessor"})) is OTelLogProcessor
'''


def pip(*arguments: str) -> None:
    """Run pip, or skip the test where it reaches no package index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip got no {arguments[-1]} from a package index: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mmengine's tests, the plugin that replaces the classes, and what the tests import."""
    folder = tmp_path_factory.mktemp("upstream")
    pip("install", "--quiet", "--no-deps", "--target", str(folder / "packages"), "parameterized")
    name = SDIST.partition("==")[0]
    pip("download", "--quiet", "--no-deps", "--no-binary", name, "--dest", str(folder), SDIST)
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            inner = member.name.partition("/")[2]
            if inner in FILES:
                extracted = tar.extractfile(member)
                assert extracted is not None
                (folder / Path(inner).name).write_bytes(extracted.read())
    (folder / "our_classes.py").write_text(PLUGIN)
    (folder / "test_replaced.py").write_text(REPLACED)
    (folder / "configured_class.py").write_text(CONFIGURED_PLUGIN)
    (folder / "test_configured.py").write_text(CONFIGURED)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def passing(upstream: Path, plugin: str, *arguments: str) -> str:
    """Run MMEngine's tests with a plugin; what pytest says of them."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(upstream), str(upstream / "packages"), str(root)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider", *arguments],
        cwd=upstream,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_upstream_suite(upstream: Path) -> None:
    """MMEngine's tests pass on our classes, the listed ones apart."""
    names = ["test_replaced.py", *(Path(file).name for file in FILES)]
    deselect = [word for case in DESELECTED for word in ("--deselect", case)]
    told = passing(upstream, "our_classes", *names, *deselect)
    assert "49 passed" in told  # 48 of mmengine's and the one above
    assert f"{len(DESELECTED)} deselected" in told


def test_upstream_log_processor(upstream: Path) -> None:
    """MMEngine's tests of its log processor pass on the one that a config names, all of them."""
    told = passing(upstream, "configured_class", "test_configured.py", "test_log_processor.py")
    assert "29 passed" in told  # 28 of mmengine's and the one above
