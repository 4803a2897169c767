"""What importing does: nothing."""

import json
from pathlib import Path

import pytest

import otel_mmlog
from tests.processes import run_python

IMPORT_PACKAGE = """
import json, logging, os, sys, threading

class Watched(dict):
    read = []
    def __getitem__(self, key):
        self.read.append(key)
        return super().__getitem__(key)
    def get(self, key, default=None):
        self.read.append(key)
        return super().get(key, default)
    def __contains__(self, key):
        self.read.append(key)
        return super().__contains__(key)

opened = []
def audit(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        opened.append(str(arguments[0]))
    elif event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir"):
        opened.append(event)
sys.dont_write_bytecode = True
sys.addaudithook(audit)
os.environ = Watched(os.environ)
import otel_mmlog
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "read": Watched.read,
    "threads": threading.active_count(),
    "handlers": len(logging.getLogger().handlers),
    "opened": opened,
}))
"""

IMPORT_EVERYTHING = """
import importlib, logging, pathlib, pkgutil, sys, threading
hooks = (sys.excepthook, threading.excepthook, logging.getLogger().level)
import otel_mmlog
names = [module.name for module in pkgutil.walk_packages(otel_mmlog.__path__, "otel_mmlog.")]
framework = "otel_mmlog.integrations.mmengine."
of_mmengine = {framework + name for name in ("flat_history", "flat_hub", "log_processor", "vis_backend")}
adapters = {"otel_mmlog.integrations." + name for name in ("accelerate", "ignite", "lightning", "transformers")}
assert of_mmengine | adapters < set(names), names
for name in set(names) - of_mmengine - adapters:
    importlib.import_module(name)
assert len(names) > 40, names
assert not {"torch", "mmengine"} & set(sys.modules)
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
assert (sys.excepthook, threading.excepthook, logging.getLogger().level) == hooks
assert not list(pathlib.Path().iterdir())
"""

IMPORT_CORE = """
import sys
import otel_mmlog.core.log_processor, otel_mmlog.core.rank, otel_mmlog.core.run_id, otel_mmlog.core.attempts
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"torch", "structlog", "opentelemetry"}, loaded
"""


def test_package_loads_nothing_and_touches_nothing() -> None:
    """``import otel_mmlog`` loads no library, reads no variable, opens nothing, starts no thread."""
    done = run_python(IMPORT_PACKAGE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert not {"torch", "structlog", "opentelemetry", "numpy", "google"} & set(found["modules"])
    assert found["read"] == []
    assert found["threads"] == 1
    assert found["handlers"] == 0
    assert found["opened"] == []


def test_importing_every_module_starts_nothing(tmp_path: Path) -> None:
    """No module starts a thread, attaches a handler or a hook, or leaves a file."""
    done = run_python(IMPORT_EVERYTHING, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_core_needs_no_library_but_numpy() -> None:
    """The core loads neither torch, structlog nor opentelemetry."""
    done = run_python(IMPORT_CORE)
    assert done.returncode == 0, done.stderr


def test_unknown_attribute_is_an_attribute_error() -> None:
    """A name that the package does not have is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="no attribute 'wandb'"):
        otel_mmlog.wandb  # noqa: B018 - the access is the test


def test_there_is_one_version() -> None:
    """The version is a string of numbers and dots."""
    assert otel_mmlog.__version__.replace(".", "").isdigit()
