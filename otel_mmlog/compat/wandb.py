"""wandb's face: ``import otel_mmlog.compat.wandb as wandb``.

``init``, ``log``, ``config``, ``summary`` and ``finish`` write to a run. What else there is (``watch``,
``define_metric``, images, tables, artifacts) does nothing, which is told once each.
"""

import argparse
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import otel_mmlog
from otel_mmlog.compat.unkept import Unkept, tell, unkept
from otel_mmlog.compat.values import Values, flat
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import shown
from otel_mmlog.integrations.held_run import AS_LOGGED, HeldRun
from otel_mmlog.integrations.names import translated_all
from otel_mmlog.pipeline.rank_files import file_stem

_UNKEPT = (
    "define_metric",
    "watch",
    "unwatch",
    "save",
    "alert",
    "log_artifact",
    "use_artifact",
    "log_code",
    "login",
)
_MEDIA = (
    "Artifact",
    "Audio",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "Molecule",
    "Object3D",
    "Plotly",
    "Settings",
    "Table",
    "Video",
)
_RESUMES = (True, "allow", "must", "auto")


class Run:
    """What `init` returns.

    Attributes:
        name: The experiment's.
        id: The run's.
        project: As it was given.
        dir: Folder of everything the run writes.
        config: The run's settings.
        summary: The latest numbers and texts by name, and what is put in.
        step: How many calls of `log` are over.
        url: None.
    """

    url = None

    def __init__(
        self, held: HeldRun | None, name: str, project: str | None, *, work_dir: Path | None
    ) -> None:
        self._held = held
        self._run = None if held is None else _open(held, name, work_dir)
        self.name, self.project = name, project
        self.id = None if self._run is None else self._run.run_id
        self.dir = None if self._run is None else str(self._run.work_dir)
        self.config = Values({} if self._run is None else self._run.config)
        self.summary = Values()
        self.step = 0
        self._pending: dict[str, Any] = {}
        if self._run is not None:
            self._run.config = self.config

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end(error)

    def __getattr__(self, name: str) -> Any:
        if name in _UNKEPT:
            return unkept(f"wandb.{name}")
        raise AttributeError(f"a run of otel_mmlog.compat.wandb has no {name!r}")

    def log(
        self,
        data: Mapping[str, Any] | None,
        step: int | None = None,
        commit: bool | None = None,  # noqa: FBT001 - wandb's
        **_kwargs: Any,
    ) -> None:
        """Log scalars; texts become a line, and nested mappings names with slashes.

        Args:
            data: Name -> value; anything else is told once, and left out.
            step: The iteration; None for the next.
            commit: False to let the next call go on with this one's iteration.
        """
        if not isinstance(data, Mapping):
            if self._held is not None:
                self._held.note("wandb.log", TypeError(f"it takes a mapping, not {shown(data)}"))
            return
        self._pending.update(flat(data))
        if commit is False:
            return
        values, self._pending = self._pending, {}
        self.step = self.step + 1 if step is None else step
        if self._held is not None and self._run is not None:
            try:
                self._write(self._run, values, step)
            except Exception as error:  # noqa: BLE001 - counted and told
                self._held.note("wandb.log", error)

    def finish(self, exit_code: int | None = None, **_kwargs: Any) -> None:
        """End the run; an exit code other than 0 says that it has failed."""
        self._end(SystemExit(exit_code) if exit_code else None)

    def _write(self, target: otel_mmlog.Run, values: Mapping[str, Any], step: int | None) -> None:
        for name in [name for name, value in values.items() if isinstance(value, Unkept)]:
            tell(f"value {name}", f"wandb.log: {name!r} is left out: a run keeps scalars and texts")
        kept = {name: value for name, value in values.items() if not isinstance(value, Unkept)}
        texts = {name: value for name, value in kept.items() if isinstance(value, str)}
        scalars = {name: value for name, value in kept.items() if name not in texts and name != "epoch"}
        self.summary.update(
            {name: value for name, value in kept.items() if isinstance(value, (int, float, str))}
        )
        for name, text in texts.items():
            target.logger.info(name, text=text)
        if scalars:
            target.log(translated_all(scalars, "train"), step=step)

    def _end(self, error: BaseException | None) -> None:
        global run  # noqa: PLW0603 - wandb's
        if self._run is not None and self._held is not None and not self._run.closed:
            if self._pending:
                self.log({})
            if self.summary:
                self._run.logger.info("Summary", summary=dict(self.summary))
            self._held.close(error)
        if run is self:
            run = None


run: Run | None = None
"""The latest run of `init` that is not finished."""


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - wandb's name
    config: Mapping[str, Any] | argparse.Namespace | None = None,
    dir: str | Path | None = None,  # noqa: A002 - wandb's name
    resume: bool | str | None = None,
    mode: str | None = None,
    **options: Any,
) -> Run:
    """Open a run, or take the open one.

    Args:
        project: Names the files where no name is given.
        name: Names the files.
        id: The run's id; None to make one.
        config: The run's settings.
        dir: The folder above the run's; None for ``work_dirs``.
        resume: Whether to go on with the run that the folder remembers.
        mode: ``"disabled"`` for a run that does nothing.
        **options: Further arguments of `otel_mmlog.init`; of wandb's, ``entity``, ``group``, ``job_type``, ``notes``
            and ``tags`` become settings, and others do nothing, which is told once each.

    Raises:
        ConfigError: The config is no mapping, or `otel_mmlog.init` cannot use an argument.
    """
    global run  # noqa: PLW0603 - wandb's
    settings = _settings(config, options)
    for each in ("settings", "reinit", "save_code", "sync_tensorboard", "monitor_gym", "anonymous", "force"):
        options.pop(each, None)
    called = name or project or "wandb"
    options = {"resume": resume in _RESUMES, "run_id": id, **_known(options)}
    held = None if mode == "disabled" else HeldRun(called, options)
    try:
        opened = Run(held, called, project, work_dir=Path(dir, file_stem(called)) if dir else None)
        opened.config.update(settings)
    except Exception as error:
        if held is not None:
            held.close(error)
        raise
    run = opened
    return opened


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
    if run is not None:
        run.finish(exit_code, **kwargs)


def __getattr__(name: str) -> Any:
    if name in ("config", "summary"):
        return getattr(_current(name), name)
    if name in _UNKEPT:
        return unkept(f"wandb.{name}")
    if name in _MEDIA:
        return type(name, (Unkept,), {})
    raise AttributeError(f"otel_mmlog.compat.wandb has no {name!r}")


def _current(name: str) -> Run:
    if run is None:
        raise ConfigError(f"wandb.{name} needs a run: call wandb.init() before")
    return run


def _open(held: HeldRun, name: str, work_dir: Path | None) -> otel_mmlog.Run:
    return held.get(name, by_epoch=False, interval=1, mean_pattern=AS_LOGGED, work_dir=work_dir)


def _settings(config: Any, options: dict[str, Any]) -> Values:
    """The run's settings: those of wandb's options, which are taken out, and the config."""
    if config is not None and not isinstance(config, (Mapping, argparse.Namespace)):
        raise ConfigError(
            f"config of wandb.init is a mapping or a namespace, not {shown(config)}: read files before"
        )
    named = {
        each: options.pop(each)
        for each in ("entity", "group", "job_type", "notes", "tags")
        if each in options
    }
    settings = Values({each: value for each, value in named.items() if value is not None})
    settings.update(config or {})
    return settings


def _known(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that `otel_mmlog.init` has; others are told."""
    known = inspect.signature(otel_mmlog.init).parameters
    for each in options:
        if each not in known:
            tell(f"option {each}", f"wandb.init: {each!r} does nothing here")
    return {each: value for each, value in options.items() if each in known}
