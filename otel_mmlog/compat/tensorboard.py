"""TensorBoard's face: ``from otel_mmlog.compat.tensorboard import SummaryWriter``.

Scalars, texts and hyperparameters are kept; images, histograms and the like are not, which is told once each.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from otel_mmlog.compat.unkept import LIKE_THEIRS, tell, unkept, without_unkept
from otel_mmlog.core.progress import Mode
from otel_mmlog.integrations.held_run import HeldRun, guarded, name_of
from otel_mmlog.integrations.names import mode_named, translated_all
from otel_mmlog.run import Run
from otel_mmlog.runs.last_step import last_step

_writers: "list[SummaryWriter]" = []
_prefixes: WeakKeyDictionary[Run, dict[str, Path]] = WeakKeyDictionary()
_ABOUT_FILES = ("purge_step", "max_queue", "flush_secs", "filename_suffix")


class SummaryWriter:
    """Writes to a run: the open one, or one of its own. Writers that are open at once share it, and the last ends it.

    Args:
        log_dir: The ``work_dir``, whose name names the files; None for ``work_dirs/tensorboard``. A folder called
            ``train``, ``val`` or ``test`` says which loop the writer's scalars are of, and that above it is meant.
            The name of another folder than the first writer's is put before the tags, with those above it where
            two have one name.
        comment: Behind the name of the files, where there is no folder.
        **options: Arguments of `otel_mmlog.init`; those of TensorBoard's about its files are not looked at. Scalars
            are printed with ``console=True`` only.

    Raises:
        ConfigError: `otel_mmlog.init` has no such argument, or cannot use it.
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None = None, comment: str = "", *_args: Any, **options: Any
    ) -> None:
        self._step: int | None = None
        self._done = 0
        named = mode_named(name_of(log_dir, ""))
        self._mode: Mode = named or "train"
        self._folder = None if log_dir is None else Path(log_dir)
        if self._folder is not None and named is not None:
            self._folder = self._folder.absolute().parent
        self._name = name_of(self._folder, f"tensorboard{comment}")
        self.held = HeldRun(None, {name: options[name] for name in options if name not in _ABOUT_FILES})
        self._run = self._join()
        self.log_dir = os.fspath(log_dir or self._run.work_dir)

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
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: float | None = None,
        walltime: float | None = None,
        **_options: Any,
    ) -> None:
        """Log one scalar; those of one step, one after the other, are one record."""
        self._log({tag: scalar_value}, global_step, walltime)

    @guarded
    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: float | None = None,
        walltime: float | None = None,
    ) -> None:
        """Log scalars as ``main_tag/tag``."""
        scalars = {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}
        self._log(scalars, global_step, walltime)

    @guarded
    def add_text(
        self, tag: str, text_string: str, global_step: float | None = None, walltime: float | None = None
    ) -> None:
        """Log a text as a line."""
        self._note_time(walltime)
        self._opened().note_text(str(tag), text=text_string, step=_whole(global_step))

    @guarded
    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Any = None,  # noqa: ARG002 - TensorBoard's
        run_name: str | None = None,  # noqa: ARG002 - TensorBoard's
        global_step: float | None = None,
    ) -> None:
        """Put hyperparameters into the run's config, and log their metrics, by default at the latest step."""
        self._opened().config.update(hparam_dict)
        self._log(metric_dict, self._step if global_step is None else global_step)

    def flush(self) -> None:
        """Do nothing: lines are on disk already."""

    def close(self) -> None:
        """End the run, if it is of a writer and no other writer is open.

        What is added later is its next attempt, which goes on behind its last step where none is given.
        """
        self._end(None)

    @guarded
    def _log(self, scalars: Mapping[str, Any], step: float | None, walltime: float | None = None) -> None:
        self._note_time(walltime)
        self._step = _whole(step)
        named = translated_all(without_unkept(scalars, "SummaryWriter"), self._mode)
        run = self._opened()
        if self._prefix:
            named = {name.replace("/", f"/{self._prefix}", 1): value for name, value in named.items()}
        step = self._done + 1 if self._step is None and run.iteration < self._done else self._step
        run.log(named, step=step if run.takes_steps else None)

    def _note_time(self, walltime: float | None) -> None:
        if walltime is not None:
            tell("walltime", "SummaryWriter: walltime does nothing here: a record has the time it is made at")

    def _opened(self) -> Run:
        """The run, opened again if the writer was closed."""
        if self not in _writers:
            self._run = self._join(resume=True)
            if self.held.is_own:
                self._done = last_step(self._run.work_dir, self._run.run_id, self._run.rank)
        return self._run

    def _join(self, **defaults: Any) -> Run:
        defaults.update(LIKE_THEIRS, work_dir=self._folder)
        run = self.held.get(self._name, **defaults)
        self._prefix = _prefix((self._folder or run.work_dir).absolute(), _prefixes.setdefault(run, {}))
        _writers.append(self)
        return run

    def _end(self, error: BaseException | None) -> None:
        if self in _writers:
            _writers.remove(self)
        others = [writer for writer in _writers if writer.run is self._run]
        if not others:
            self.held.close(error)
        elif self.held.is_own:
            others[0].held.take_over(self.held)


def _prefix(folder: Path, taken: dict[str, Path]) -> str:
    """What goes before a folder's tags: nothing for the first, for others as much of its path as tells it apart."""
    for depth in range(len(folder.parts)):
        prefix = "".join(f"{part}/" for part in folder.parts[len(folder.parts) - depth :])
        if taken.setdefault(prefix, folder) == folder:
            break
    return prefix


def _whole(step: Any) -> int | None:
    """A step as TensorBoard takes it."""
    return None if step is None else int(step)
