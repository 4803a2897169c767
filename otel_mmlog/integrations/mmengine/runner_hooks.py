"""Wraps the methods of the runners, so that a run begins with a runner and sees its loops."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from otel_mmlog.core.progress import MODES, Mode
from otel_mmlog.integrations.mmengine.loop_spans import position_of
from otel_mmlog.integrations.mmengine.patches import Patches, like
from otel_mmlog.integrations.mmengine.runner_facts import constructor_argument, level_name
from otel_mmlog.integrations.mmengine.runner_runs import RunnerRuns
from otel_mmlog.otel.semconv import (
    CHECKPOINT_BYTES,
    CHECKPOINT_PATH,
    SPAN_CHECKPOINT_LOAD,
    SPAN_CHECKPOINT_SAVE,
)

Method = Callable[..., Any]

_ENDS_OF_LINES = frozenset(
    ["after_train_iter", "after_val_iter", "after_test_iter", "after_val_epoch", "after_test_epoch"]
)


def wrap(patches: Patches, module: ModuleType, runs: RunnerRuns) -> None:
    """Wrap ``Runner`` and, where there is one, ``FlexibleRunner``.

    Args:
        patches: Take the wrappers.
        module: ``mmengine.runner``.
        runs: Knows the run of a runner.
    """
    hooks = RunnerHooks(runs)
    for name in ("Runner", "FlexibleRunner"):
        runner_class = getattr(module, name, None)
        if runner_class is None:
            patches.missing += [name] * (name == "Runner")
            continue
        strategy_class = getattr(sys.modules.get(runner_class.__module__), "BaseStrategy", None)
        if strategy_class is None:
            patches.wrap(runner_class, "build_logger", hooks.build_logger)
        else:  # it builds the logger before the runner knows what it has to know for a run
            patches.wrap(strategy_class, "build_logger", hooks.build_strategy_logger)
        patches.wrap(runner_class, "__init__", hooks.constructor)
        patches.wrap(runner_class, "build_message_hub", hooks.build_message_hub)
        patches.wrap(runner_class, "call_hook", hooks.call_hook)
        patches.wrap(runner_class, "save_checkpoint", hooks.save_checkpoint)
        patches.wrap(runner_class, "load_checkpoint", hooks.load_checkpoint)
        for mode in MODES:
            patches.wrap(runner_class, mode, hooks.loop_method(mode))


class RunnerHooks:
    """Makes the wrappers.

    Args:
        runs: Knows the run of a runner.
    """

    def __init__(self, runs: RunnerRuns) -> None:
        self._runs = runs
        self._before: dict[str, Callable[[Any, Any], None]] = {
            "before_train": _before_train,
            "before_train_epoch": _before_epoch,
            "before_val": lambda run, runner: _before_loop(run, runner, "val"),
            "before_test": lambda run, runner: _before_loop(run, runner, "test"),
        }
        self._after: dict[str, Callable[[Any, Any], None]] = {
            "after_train_epoch": lambda run, _runner: run.end_loop("train"),
            "after_train": lambda run, _runner: run.loops.end_train(),
            "after_val": lambda run, _runner: _after_loop(run, "val"),
            "after_test": lambda run, _runner: _after_loop(run, "test"),
        }

    def constructor(self, original: Method) -> Method:
        """End the run of the runner before: what is built from here on is the new runner's."""

        @like(original)
        def __init__(runner: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            self._runs.end_idle()
            original(runner, *args, **kwargs)

        return __init__

    def build_logger(self, original: Method) -> Method:
        """Accept a level in any case, and begin the run behind the logger."""

        @like(original)
        def build_logger(runner: Any, log_level: Any = "INFO", *args: Any, **kwargs: Any) -> Any:
            logger = original(runner, level_name(log_level), *args, **kwargs)
            vars(runner).setdefault("logger", logger)  # as the constructor does next
            self._runs.begin(runner, log_level)
            return logger

        return build_logger

    def build_strategy_logger(self, original: Method) -> Method:
        """Accept a level in any case."""

        @like(original)
        def build_logger(strategy: Any, log_level: Any = "INFO", *args: Any, **kwargs: Any) -> Any:
            return original(strategy, level_name(log_level), *args, **kwargs)

        return build_logger

    def build_message_hub(self, original: Method) -> Method:
        """Begin the run of a runner that has built its logger elsewhere."""

        @like(original)
        def build_message_hub(runner: Any, *args: Any, **kwargs: Any) -> Any:
            self._runs.begin(runner, constructor_argument(runner, "log_level", "INFO"))
            return original(runner, *args, **kwargs)

        return build_message_hub

    def call_hook(self, original: Method) -> Method:
        """See the loops begin and end."""
        before, after, runs = self._before, self._after, self._runs

        @like(original)
        def call_hook(runner: Any, fn_name: str, **kwargs: Any) -> Any:
            if fn_name in before:
                runs.guard(lambda: _act(before[fn_name], runs.in_loop(runner), runner))
            result = original(runner, fn_name, **kwargs)
            if fn_name in after:
                runs.guard(lambda: _act(after[fn_name], runs.of(runner), runner))
            elif runs.has_line and fn_name in _ENDS_OF_LINES:
                runs.guard(lambda: runs.end_line(runner))
            return result

        return call_hook

    def loop_method(self, mode: Mode) -> Callable[[Method], Method]:
        """Time ``train``, ``val`` or ``test``."""

        def make(original: Method) -> Method:
            @like(original)
            def method(runner: Any, *args: Any, **kwargs: Any) -> Any:
                check = getattr(getattr(runner, "log_processor", None), "check_registered", None)
                if mode == "train" and check is not None:
                    check()
                run = self._runs.in_loop(runner)
                if run is None:
                    return original(runner, *args, **kwargs)
                with run.loops.method(mode, runner):
                    return original(runner, *args, **kwargs)

            return method

        return make

    def save_checkpoint(self, original: Method) -> Method:
        """Time the saving, where this rank does it."""

        @like(original)
        def save_checkpoint(runner: Any, out_dir: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
            run = self._runs.of(runner)
            if run is None or run.rank:
                return original(runner, out_dir, filename, *args, **kwargs)
            path = os.path.join(str(out_dir), str(filename))  # noqa: PTH118 - a URL as well as a path
            attributes = {CHECKPOINT_PATH: path, **position_of(runner)}
            with run.loops.checkpoint(SPAN_CHECKPOINT_SAVE, attributes) as span:
                result = original(runner, out_dir, filename, *args, **kwargs)
                span.set(_size_of(path))
            return result

        return save_checkpoint

    def load_checkpoint(self, original: Method) -> Method:
        """Time the loading."""

        @like(original)
        def load_checkpoint(runner: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
            run = self._runs.of(runner)
            if run is None:
                return original(runner, filename, *args, **kwargs)
            attributes = {CHECKPOINT_PATH: str(filename), **_size_of(str(filename))}
            with run.loops.checkpoint(SPAN_CHECKPOINT_LOAD, attributes):
                return original(runner, filename, *args, **kwargs)

        return load_checkpoint


def _act(act: Callable[[Any, Any], None], run: Any, runner: Any) -> None:
    if run is not None:
        act(run, runner)


def _before_train(run: Any, runner: Any) -> None:
    run.loops.begin("train", runner)
    run.begin_loop(runner, "train")


def _before_epoch(run: Any, runner: Any) -> None:
    run.loops.begin("train", runner)
    run.loops.begin_epoch(runner)
    run.begin_loop(runner, "train")


def _before_loop(run: Any, runner: Any, mode: Mode) -> None:
    run.loops.begin(mode, runner)
    run.begin_loop(runner, mode)


def _after_loop(run: Any, mode: Mode) -> None:
    run.loops.end(mode)
    run.end_loop(mode)


def _size_of(path: str) -> dict[str, Any]:
    """The bytes of a local file; nothing for another."""
    try:
        return {CHECKPOINT_BYTES: Path(path).stat().st_size}
    except (OSError, ValueError):
        return {}
