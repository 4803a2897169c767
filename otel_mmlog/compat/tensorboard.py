"""TensorBoard's face: ``from otel_mmlog.compat.tensorboard import SummaryWriter``.

Scalars, texts and hyperparameters are kept; images, histograms and the like are not, which is told once each.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from otel_mmlog.compat.unkept import unkept
from otel_mmlog.core.progress import Mode
from otel_mmlog.integrations.held_run import AS_LOGGED, HeldRun, guarded, name_of
from otel_mmlog.integrations.names import mode_named, translated_all
from otel_mmlog.run import Run

_writers: "list[SummaryWriter]" = []
_ABOUT_FILES = ("purge_step", "max_queue", "flush_secs", "filename_suffix")


class SummaryWriter:
    """Writes to a run: the open one, or one of its own. Writers that are open at once share it, and the last ends it.

    Args:
        log_dir: The ``work_dir``, whose name names the files; None for ``work_dirs/tensorboard``. A folder called
            ``train``, ``val`` or ``test`` says which loop the writer's scalars are of, and that above it is meant.
            The name of another folder than the first writer's is put before the tags.
        comment: Behind the name of the files, where there is no folder.
        **options: Arguments of `otel_mmlog.init`; those of TensorBoard's about its files are not looked at.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument, or cannot use it.
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None = None, comment: str = "", *_args: Any, **options: Any
    ) -> None:
        self.log_dir = log_dir
        self._step: int | None = None
        named = mode_named(name_of(log_dir, ""))
        self._mode: Mode = named or "train"
        if log_dir is not None and named is not None:
            log_dir = Path(log_dir).absolute().parent
        self.held = HeldRun(None, {name: options[name] for name in options if name not in _ABOUT_FILES})
        defaults = {"by_epoch": False, "interval": 1, "mean_pattern": AS_LOGGED, "work_dir": log_dir}
        self._run = self.held.get(name_of(log_dir, f"tensorboard{comment}"), **defaults)
        others = self._others()
        folder = None if log_dir is None else Path(log_dir).absolute()
        self._first: Path | None = others[0]._first if others else folder
        self._prefix = "" if folder is None or folder == self._first else f"{folder.name}/"
        _writers.append(self)

    def __enter__(self) -> "SummaryWriter":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end(error)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("add_"):
            return unkept(f"SummaryWriter.{name}")
        raise AttributeError(f"SummaryWriter has no attribute {name!r}")

    @property
    def run(self) -> Run:
        """The run that it writes to."""
        return self._run

    def get_logdir(self) -> str:
        """The folder of the run."""
        return os.fspath(self.log_dir or self._run.work_dir)

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: int | None = None, *_args: Any, **_kw: Any
    ) -> None:
        """Log one scalar; those of one step, one after the other, are one record."""
        self._log({tag: scalar_value}, global_step)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Mapping[str, Any], global_step: int | None = None, *_args: Any
    ) -> None:
        """Log scalars as ``main_tag/tag``."""
        self._log({f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}, global_step)

    @guarded
    def add_text(self, tag: str, text_string: str, global_step: int | None = None, *_args: Any) -> None:
        """Log a text as a line."""
        self._run.logger.info(str(tag), text=text_string, step=global_step)

    @guarded
    def add_hparams(
        self, hparam_dict: Mapping[str, Any], metric_dict: Mapping[str, Any], *_args: Any, **kwargs: Any
    ) -> None:
        """Put hyperparameters into the run's config, and log their metrics."""
        self._run.config.update(hparam_dict)
        self._log(metric_dict, kwargs.get("global_step", self._step))

    def flush(self) -> None:
        """Do nothing: lines are on disk already."""

    def close(self) -> None:
        """End the run, if it is of a writer and no other writer is open."""
        self._end(None)

    @guarded
    def _log(self, scalars: Mapping[str, Any], step: int | None) -> None:
        self._step = step
        named = translated_all(scalars, self._mode)
        if self._prefix:
            named = {name.replace("/", f"/{self._prefix}", 1): value for name, value in named.items()}
        self._run.log(named, step=step)

    def _others(self) -> "list[SummaryWriter]":
        return [writer for writer in _writers if writer.run is self._run and writer is not self]

    def _end(self, error: BaseException | None) -> None:
        if self in _writers:
            _writers.remove(self)
        others = self._others()
        if not others:
            self.held.close(error)
        elif self.held.is_own:
            others[0].held.take_over(self.held)
