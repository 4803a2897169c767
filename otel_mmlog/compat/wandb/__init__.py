"""wandb's face: ``import otel_mmlog.compat.wandb as wandb``.

``init``, ``log``, ``config``, ``summary``, ``alert`` and ``finish`` write to a run. What else a script hands over
(``watch``, ``define_metric``, images, tables, artifacts) is left out, which is told once each; what it wants to have
back of a server (``Api``, ``sweep``, ``use_artifact``) is an error that says what to do instead.
"""

import argparse
import inspect
import logging
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import otel_mmlog
from otel_mmlog.compat.unkept import LIKE_THEIRS, tell
from otel_mmlog.compat.wandb import data as data_types
from otel_mmlog.compat.wandb import errors, plot, util
from otel_mmlog.compat.wandb.absent import find_absent
from otel_mmlog.compat.wandb.data import (
    Artifact,
    Audio,
    Classes,
    Graph,
    Histogram,
    Html,
    Image,
    Molecule,
    Object3D,
    Plotly,
    Table,
    Video,
)
from otel_mmlog.compat.wandb.errors import CommError, Error, UsageError
from otel_mmlog.compat.wandb.resume import remembered
from otel_mmlog.compat.wandb.values import Values
from otel_mmlog.compat.wandb.wandb_run import Run
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import shown
from otel_mmlog.integrations.held_run import HeldRun
from otel_mmlog.pipeline.rank_files import file_stem
from otel_mmlog.settings import read_settings

__all__ = [
    "AlertLevel",
    "Artifact",
    "Audio",
    "Classes",
    "CommError",
    "Error",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "Molecule",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Table",
    "UsageError",
    "Video",
    "data_types",
    "errors",
    "finish",
    "init",
    "log",
    "plot",
    "util",
]
_NAMED = ("entity", "group", "job_type", "notes", "tags")
_SILENT = ("save_code", "sync_tensorboard", "monitor_gym", "anonymous", "force")
_VARIABLES = {
    "project": "WANDB_PROJECT",
    "name": "WANDB_NAME",
    "id": "WANDB_RUN_ID",
    "dir": "WANDB_DIR",
    "resume": "WANDB_RESUME",
    "mode": "WANDB_MODE",
}
_FINISHES = (True, "finish_previous", "create_new")
_log = logging.getLogger("wandb")
termlog, termwarn, termerror = (
    lambda text="", _tell=tell_line, **_kwargs: _tell(text)
    for tell_line in (_log.info, _log.warning, _log.error)
)


class AlertLevel(Enum):
    """How bad an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Settings(Values):
    """Arguments of `init` by name."""


__version__ = "0.19.0"
"""Of the wandb whose face this is: scripts ask for a least version."""
_latest: Run | None = None


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - wandb's name
    config: Mapping[str, Any] | argparse.Namespace | None = None,
    dir: str | Path | None = None,  # noqa: A002 - wandb's name
    resume: bool | str | None = None,
    mode: str | None = None,
    reinit: bool | str | None = None,
    **options: Any,
) -> Run:
    """Open a run, or take the open one.

    Args:
        project: Names the files where no name is given.
        name: Names the files.
        id: The run's id; None to make one.
        config: The run's settings.
        dir: The folder above the run's; None for ``work_dirs``.
        resume: ``"allow"``, ``"must"``, ``"auto"`` or True to go on with the run of this id, or without one with the
            latest of the folder, at its next step; ``"never"`` to refuse an id that the folder has.
        mode: ``"disabled"`` for a run that does nothing.
        reinit: True to finish a run of an earlier `init`, rather than to return it.
        **options: Further arguments of `otel_mmlog.init`; of wandb's, ``entity``, ``group``, ``job_type``, ``notes``
            and ``tags`` become settings, and others do nothing, which is told once each. As wandb, the run prints no
            scalars: ``console=True`` prints them.

    Raises:
        ConfigError: The config is no mapping, there is no run that must be resumed, or `otel_mmlog.init` cannot use
            an argument.
    """
    global _latest  # noqa: PLW0603 - wandb's module is what it has opened
    if _latest is not None and not _latest.closed:
        if reinit not in _FINISHES:
            return _latest
        _latest.finish()
    given = _given(
        options.pop("settings", None), project=project, name=name, id=id, dir=dir, resume=resume, mode=mode
    )
    named = {each: options.pop(each, None) for each in _NAMED}
    if isinstance(named["tags"], str):
        named["tags"] = [named["tags"]]
    settings = _settings(config, named)
    given.update(named)
    called = given.name or given.project or "wandb"
    if given.mode == "disabled":
        _latest = Run(None, None, called, given)
    else:
        work_dir = Path(options.pop("work_dir", None) or Path(given.dir or "work_dirs", file_stem(called)))
        held = HeldRun(called, _known(options))
        run_id = remembered(given.resume, given.id, work_dir) or given.id
        _latest = _open(held, called, given, work_dir=work_dir, run_id=run_id)
    _latest.config.update(settings)
    return _latest


def log(
    data: Mapping[str, Any] | None,
    step: int | None = None,
    commit: bool | None = None,  # noqa: FBT001 - wandb's
    **kwargs: Any,
) -> None:
    """Log scalars to the run; see `Run.log`.

    Raises:
        ConfigError: There is no run.
    """
    _current("log").log(data, step, commit, **kwargs)


def finish(exit_code: int | None = None, **kwargs: Any) -> None:
    """End the run, if there is one."""
    if _latest is not None:
        _latest.finish(exit_code, **kwargs)


def __getattr__(name: str) -> Any:
    if name == "run":
        return None if _latest is None or _latest.closed else _latest
    if name in ("alert", "config", "summary"):
        return getattr(_current(name), name)
    if name == "sdk":
        raise AttributeError(
            "otel_mmlog.compat.wandb has no 'sdk', which is wandb's inside: take wandb.Run for "
            "wandb.sdk.wandb_run.Run, and wandb.Settings, wandb.init and wandb.login likewise"
        )
    absent = find_absent(name)
    if absent is None:
        raise AttributeError(f"otel_mmlog.compat.wandb has no {name!r}")
    return absent


def _current(name: str) -> Run:
    if _latest is None or _latest.closed:
        raise ConfigError(f"wandb.{name} needs a run: call wandb.init() before")
    return _latest


def _open(held: HeldRun, name: str, given: Values, **options: Any) -> Run:
    try:
        opened = held.get(name, **LIKE_THEIRS, **options)
        return Run(held, opened, name, given)
    except Exception as error:
        held.close(error)
        raise


def _given(settings: Mapping[str, Any] | None, **arguments: Any) -> Values:
    """The arguments, where they are None those of `Settings`, or else wandb's variables."""
    environ = read_settings().environ
    for name, value in arguments.items():
        if value is None:
            arguments[name] = (settings or {}).get(name) or environ.get(_VARIABLES[name]) or None
    return Values(arguments)


def _settings(config: Any, named: Mapping[str, Any]) -> Values:
    """The run's settings: those of wandb's options, and the config.

    Raises:
        ConfigError: The config is no mapping.
    """
    if config is not None and not isinstance(config, (Mapping, argparse.Namespace)):
        raise ConfigError(
            f"config of wandb.init is a mapping or a namespace, not {shown(config)}: read files before"
        )
    settings = Values({each: value for each, value in named.items() if value is not None})
    settings.update(config or {})
    return settings


def _known(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that `otel_mmlog.init` has; others are told."""
    known = inspect.signature(otel_mmlog.init).parameters
    for each in options:
        if each not in known and each not in _SILENT:
            tell(f"option {each}", f"wandb.init: {each!r} does nothing here")
    return {each: value for each, value in options.items() if each in known}
