"""Turning the integration on and off."""

import inspect
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from otel_mmlog.integrations.mmengine.instrumentor import current_run
from tests.integrations.mmengine.runners import instrumented, make_runner, quiet
from tests.journals import read_journals
from tests.processes import run_python

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine._strategy import BaseStrategy
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import Registry
    from mmengine.runner import FlexibleRunner, LogProcessor, Runner

PATCHED = (MMLogger, MessageHub, Registry, Runner, FlexibleRunner, BaseStrategy, LogProcessor)
BEFORE = """
import sys
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
MMEngineInstrumentor().instrument(flat_history=True)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"mmengine", "torch", "structlog"}))
import warnings
warnings.simplefilter("ignore")
from mmengine.logging import MMLogger
from mmengine.registry import Registry
from mmengine.runner import Runner
import os
print(all(hasattr(each, "__wrapped__") for each in (MMLogger.__init__, Registry.get, Runner.train)))
print(os.listdir("."))
print(type(MMLogger.get_instance("made").handlers[0]).__name__)
"""
CHANGED = """
import sys, warnings
warnings.simplefilter("ignore")
import mmengine.logging, mmengine.registry
from mmengine.runner import Runner
from tests.integrations.mmengine.runners import make_runner
from pathlib import Path
Runner.call_hooks = Runner.call_hook
del Runner.call_hook
Runner.call_hook_by_name = Runner.call_hooks
Runner.__getattr__ = lambda self, name: self.call_hooks if name == "call_hook" else object.__getattribute__(self, name)
del mmengine.logging.MMLogger
del mmengine.registry.Registry
del Runner.load_checkpoint
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
MMEngineInstrumentor().instrument()
runner = make_runner(Path(sys.argv[1]))
runner.train()
print("trained", runner.iter)
"""
ANOTHER = """
import sys
from importlib.machinery import ModuleSpec
CLASSES = {"logging": ["MMLogger", "MessageHub"], "registry": ["Registry"], "runner": ["Runner"]}
class Finder:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == "mmengine" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        for name in CLASSES.get(module.__name__.rpartition(".")[2], []):
            setattr(module, name, type(name, (), {"train": lambda self: print("trained")}))
sys.meta_path.insert(0, Finder())
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
MMEngineInstrumentor().instrument()
import mmengine.logging, mmengine.registry, mmengine.runner
mmengine.runner.Runner().train()
"""


def state(*runners: Any) -> list[dict[str, Any]]:
    """The attributes of everything that is patched."""
    owners = [vars(owner) for owner in PATCHED]
    return [dict(each) for each in (*owners, *(vars(runner.log_processor) for runner in runners))]


def test_before_mmengine(tmp_path: Path) -> None:
    """Turned on first it loads nothing and makes no file, and hooks MMEngine once that is imported."""
    done = run_python(BEFORE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["[]", "True", "[]", "Tap"]


def test_unknown_mmengine(tmp_path: Path) -> None:
    """What cannot be hooked is named in one warning, and training runs."""
    done = run_python(CHANGED, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "trained 22" in done.stdout
    told = [line for line in done.stderr.splitlines() if "could not be hooked" in line]
    assert len(told) == 1
    for name in ("MMLogger", "Registry", "Runner.call_hook", "Runner.load_checkpoint"):
        assert name in told[0]


def test_quite_another_mmengine() -> None:
    """A Runner of a MMEngine of which little is as we know it trains, and what does not fit is named."""
    done = run_python(ANOTHER)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "trained\n"
    for name in ("get_current_instance", "Registry.get", "Runner.val", "OTelLogProcessor", "OTelVisBackend"):
        assert name in done.stderr


def test_off_leaves_nothing(tmp_path: Path) -> None:
    """Turned off, every attribute and handler is what it was, the run is closed, and it can be turned on again."""
    with quiet():
        before = make_runner(tmp_path / "before")
    attributes, handlers = state(before), list(logging.getLogger().handlers)
    level, hooks = logging.getLogger().level, (sys.excepthook, warnings.showwarning)
    for name in ("first", "second"):
        with instrumented(flat_history=True):
            assert before.logger.handlers[0].__class__.__name__ == "Tap"
            runner = make_runner(tmp_path / name)
            assert "get_log_after_iter" in vars(runner.log_processor)
            run = current_run()
            assert not run.closed
        assert run.closed
        assert current_run() is None
        assert state(before) == attributes
        assert "get_log_after_iter" not in vars(runner.log_processor)
        assert [type(handler).__name__ for handler in runner.logger.handlers] == [
            "StreamHandler",
            "FileHandler",
        ]
        assert logging.getLogger().handlers == handlers
        assert (logging.getLogger().level, (sys.excepthook, warnings.showwarning)) == (level, hooks)
        runner.train()
    assert read_journals(tmp_path / "second").spans


def test_on_twice_is_on_once(tmp_path: Path) -> None:
    """Turned on twice, each method is wrapped once; the options from before hold unless others are given."""
    with instrumented(distributed=True, trace_ranks=7):
        once = state()
        MMEngineInstrumentor().instrument(trace_ranks=8)
        runner = make_runner(
            tmp_path, log_processor={"type": "otel_mmlog.integrations.mmengine.OTelLogProcessor"}
        )
        assert state() == once
        options = current_run()._options
        assert (options.distributed, options.trace_ranks) == (True, 8)
        runner.train()
    assert len([span for span in read_journals(tmp_path).spans if span.name == "mmlog.train"]) == 1


def test_flat_histories_later(tmp_path: Path) -> None:
    """Flat histories may be asked for when the integration is on already, by the log processor too."""
    with instrumented():
        kind = {"type": "otel_mmlog.integrations.mmengine.OTelLogProcessor", "flat_history": True}
        runner = make_runner(tmp_path, log_processor=kind)
        runner.message_hub.update_scalar("train/loss", 1.0)
        assert type(runner.message_hub.get_scalar("train/loss")).__name__ == "FlatHistory"


def test_signatures() -> None:
    """Every wrapper has the signature of what it wraps, also for those who do not unwrap it."""
    with quiet():
        names = [
            (owner, name)
            for owner in PATCHED
            for name in vars(owner)
            if inspect.isroutine(getattr(owner, name))
        ]
        plain = {key: getattr(*key) for key in names}
        with instrumented():
            wrapped = {key: getattr(*key) for key in names if getattr(*key) is not plain[key]}
            changed = [key for key, value in wrapped.items() if hasattr(value, "__wrapped__")]
            assert len(changed) > 15
            for key in changed:
                assert inspect.signature(wrapped[key]) == inspect.signature(plain[key])
                if not hasattr(plain[key], "__wrapped__"):
                    assert inspect.getfullargspec(wrapped[key]) == inspect.getfullargspec(plain[key])
                assert wrapped[key].__qualname__ == plain[key].__qualname__


@pytest.mark.parametrize("options", [{"flat": True}, {"layout": "tidy"}, {"trace_ranks": 0}])
def test_wrong_options(options: dict[str, Any]) -> None:
    """A wrong option fails at once, and nothing is turned on."""
    with pytest.raises(ConfigError):
        MMEngineInstrumentor().instrument(**options)
    assert not MMEngineInstrumentor().is_instrumented_by_opentelemetry
