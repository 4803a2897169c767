"""The arguments of ``init``, checked: every mistake is told before anything starts."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from opentelemetry.sdk.trace import SpanLimits

from otel_mmlog.core.checks import check_choice, check_count, check_flag
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import shown
from otel_mmlog.otel.limits import read_limits
from otel_mmlog.pipeline.levels import parse_level
from otel_mmlog.pipeline.rank_files import LAYOUTS, Layout, file_stem
from otel_mmlog.settings import Settings, export_interval_s
from otel_mmlog.system_metrics import load_system_packages

Steps = Literal["records", "every"]
Ranks = Literal["all", "0"]
Console = bool | Literal["messages"]
STEPS: Mapping[Steps, str] = {"records": "one point an interval", "every": "each raw value"}
RANKS: Mapping[Ranks, str] = {"all": "every rank has a journal", "0": "rank 0 alone has"}


@dataclass(frozen=True, slots=True)
class Options:
    """What one run was asked to be. The fields are the arguments of `otel_mmlog.init`.

    Attributes:
        guest: Whether a framework prints the lines: the run then prints nothing but its own warnings, and leaves
            what others print, and at which level, as it is.
    """

    experiment_name: str
    work_dir: Path
    interval: int
    by_epoch: bool
    log_level: int
    distributed: bool
    layout: Layout
    ignore_last: bool
    resume: bool
    run_id: str | None
    steps: Steps
    ranks: Ranks
    trace_ranks: int
    logger_name: str
    console: Console
    config: Mapping[str, Any]
    processors: Sequence[Callable[..., Any]]
    system_metrics: bool
    deferred: bool = False
    guest: bool = False


def check_options(
    settings: Settings,
    *,
    experiment_name: str,
    work_dir: str | os.PathLike[str] | None,
    log_level: str | int | None,
    **rest: Any,
) -> Options:
    """Check the arguments of ``init`` and fill in the defaults.

    Raises:
        ConfigError: An argument or a variable cannot be used.
    """
    if (
        not isinstance(experiment_name, str)
        or not experiment_name.strip()
        or not experiment_name.isprintable()
    ):
        raise ConfigError(
            f"experiment_name is {shown(experiment_name)}, but it is a printable, non-empty string."
        )
    for name in ("by_epoch", "distributed", "ignore_last", "resume", "system_metrics", "deferred"):
        check_flag(rest[name], name)
    _check_console(rest["console"])
    _check_environment(settings)
    check_count(rest["interval"], "interval")
    check_count(rest["trace_ranks"], "trace_ranks")
    if rest["system_metrics"]:
        load_system_packages()
        export_interval_s(settings.environ)
    return Options(
        experiment_name=experiment_name,
        work_dir=_work_dir(work_dir, experiment_name),
        log_level=_level(settings, log_level),
        layout=check_choice(rest.pop("layout"), "layout", LAYOUTS),
        steps=check_choice(rest.pop("steps"), "steps", STEPS),
        ranks=check_choice(rest.pop("ranks"), "ranks", RANKS),
        config=_config(rest.pop("config")),
        processors=_processors(rest.pop("processors")),
        logger_name=_logger_name(rest.pop("logger_name")),
        deferred=_deferred(settings, asked=rest.pop("deferred")),
        **rest,
    )


def _check_console(value: object) -> None:
    if not isinstance(value, bool) and value != "messages":
        raise ConfigError(
            f"console is {shown(value)}, but it is True, False or 'messages' (no lines of scalars)."
        )


def _check_environment(settings: Settings) -> None:
    """Check OpenTelemetry's limits, which are read again where they are used."""
    read_limits(settings.environ)
    if settings.traces:
        try:
            SpanLimits()
        except ValueError as error:
            raise ConfigError(f"OpenTelemetry cannot use its environment variables: {error}") from error


def _work_dir(work_dir: object, experiment_name: str) -> Path:
    if work_dir is None:
        return Path("work_dirs") / file_stem(experiment_name)
    if (
        isinstance(work_dir, (str, os.PathLike))
        and "\x00" not in os.fsdecode(work_dir)
        and os.fsdecode(work_dir)
    ):
        return Path(work_dir).expanduser()
    raise ConfigError(
        f"work_dir is {shown(work_dir)}, but it is the path of a folder, or None for work_dirs/<experiment>."
    )


def _level(settings: Settings, log_level: str | int | None) -> int:
    level = parse_level("INFO" if log_level is None else log_level, "log_level")
    return level if settings.log_level is None else parse_level(settings.log_level, "OTEL_MMLOG_LOG_LEVEL")


def _deferred(settings: Settings, *, asked: bool) -> bool:
    return asked if settings.deferred is None else settings.deferred


def _config(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigError(f"config is {shown(value)}, but it is a dict of the run's settings, or None.")


def _processors(value: object) -> Sequence[Callable[..., Any]]:
    if isinstance(value, (list, tuple)) and all(callable(each) for each in value):
        return tuple(value)
    raise ConfigError(f"processors is {shown(value)}, but it is a list of structlog processors (callables).")


def _logger_name(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable():
        return value
    raise ConfigError(f"logger_name is {shown(value)}, but it is a printable, non-empty string.")
