"""The public API, pinned: a change here is a change for users."""

import inspect

import otel_mmlog

MEMBERS = [
    "ConfigError",
    "HistoryBuffer",
    "JSONRenderer",
    "LogProcessor",
    "MMLogError",
    "MessageHub",
    "RuleError",
    "Run",
    "ScalarError",
    "TextRenderer",
    "UnknownStatisticError",
    "__version__",
    "init",
]
INIT = [
    "experiment_name",
    "work_dir",
    "window_size",
    "by_epoch",
    "interval",
    "custom_cfg",
    "log_level",
    "distributed",
    "num_digits",
    "log_with_hierarchy",
    "mean_pattern",
    "ignore_last",
    "layout",
    "resume",
    "run_id",
    "steps",
    "ranks",
    "config",
    "processors",
    "console",
    "logger_name",
    "trace_ranks",
    "system_metrics",
    "deferred",
]
RUN = [
    "checkpoint",
    "close",
    "detach",
    "drive",
    "epochs",
    "finish",
    "flush",
    "load_state_dict",
    "log",
    "note_fault",
    "note_text",
    "span",
    "state_dict",
    "test",
    "train",
    "val",
]


def test_members() -> None:
    """``__all__`` holds exactly these names, in order, and each of them loads."""
    assert otel_mmlog.__all__ == MEMBERS
    assert dir(otel_mmlog) == MEMBERS
    assert all(getattr(otel_mmlog, name) is not None for name in MEMBERS)


def test_arguments_of_init() -> None:
    """``init`` takes the name by position and the rest by name only."""
    parameters = inspect.signature(otel_mmlog.init).parameters
    assert list(parameters) == INIT
    keyword_only = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
    assert keyword_only == INIT[1:]
    assert (parameters["window_size"].default, parameters["interval"].default) == (10, 10)


def test_methods_of_a_run() -> None:
    """A run has these methods, and ``finish`` is ``close``."""
    public = [
        name
        for name, value in inspect.getmembers(otel_mmlog.Run)
        if callable(value) and not name.startswith("_")
    ]
    assert sorted(public) == RUN
    assert otel_mmlog.Run.finish is otel_mmlog.Run.close


def test_exceptions_are_what_users_catch() -> None:
    """A wrong setting is a ValueError, a wrong rule an AssertionError too, an unknown statistic a KeyError too."""
    expected: dict[type[Exception], tuple[type[Exception], ...]] = {
        otel_mmlog.ConfigError: (otel_mmlog.MMLogError, ValueError),
        otel_mmlog.RuleError: (otel_mmlog.ConfigError, AssertionError),
        otel_mmlog.UnknownStatisticError: (otel_mmlog.ConfigError, KeyError),
        otel_mmlog.ScalarError: (otel_mmlog.MMLogError, TypeError),
    }
    for error, bases in expected.items():
        assert all(issubclass(error, base) for base in bases)
