"""What ``wandb.init`` returns."""

import operator
import tempfile
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

import otel_mmlog
from otel_mmlog.compat.unkept import without_unkept
from otel_mmlog.compat.wandb.absent import find_absent
from otel_mmlog.compat.wandb.resume import first_step
from otel_mmlog.compat.wandb.values import Values, flat
from otel_mmlog.core.shown import shown
from otel_mmlog.integrations.held_run import HeldRun
from otel_mmlog.integrations.names import translated_all

_LEVELS = {"INFO": "info", "WARN": "warning", "ERROR": "error"}


class Run:
    """A run as wandb has it.

    Attributes:
        name: The experiment's.
        id: The run's.
        project: As it was given, as are `entity`, `group`, `job_type`, `notes` and `tags`.
        dir: Folder of everything the run writes.
        config: The run's settings.
        summary: The latest numbers and texts by name, and what is put in.
        step: How many steps are over, those without scalars included: the iteration of the latest record.
        starting_step: How many were over when it was resumed.
        resumed: Whether it goes on with an earlier one.
        disabled: Whether it does nothing.
        url: None.
    """

    url = project_url = sweep_id = sweep_url = None
    offline = True

    def __init__(self, held: HeldRun | None, run: otel_mmlog.Run | None, name: str, named: Values) -> None:
        self._held = held
        self._run = run
        self._closed = False
        self.name, self.project, self.entity = name, named.get("project"), named.get("entity")
        self.group, self.job_type = named.get("group"), named.get("job_type")
        self.notes, self.tags = named.get("notes"), tuple(named.get("tags") or ())
        self.disabled = run is None
        self.id = "disabled" if run is None else run.run_id
        self.dir = tempfile.gettempdir() if run is None else str(run.work_dir)
        self.start_time = time.time()
        self.resumed = run is not None and held is not None and held.is_own and run.attempt > 0
        self.starting_step = 0 if run is None else first_step(run, resumed=self.resumed)
        self.step = self.starting_step
        self.config = Values({} if run is None else run.config)
        self.summary = Values()
        self._pending: dict[str, Any] = {}
        self._row: int | None = None
        if run is not None:
            run.config = self.config

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end(error)

    def __getattr__(self, name: str) -> Any:
        absent = find_absent(name)
        if absent is None:
            raise AttributeError(f"a run of otel_mmlog.compat.wandb has no {name!r}")
        return absent

    @property
    def closed(self) -> bool:
        """Whether it is finished, by `finish` or since its run is closed."""
        return self._closed or (self._run is not None and self._run.closed)

    @property
    def path(self) -> str:
        """Entity, project and id."""
        return "/".join(str(each) for each in (self.entity, self.project, self.id) if each)

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
            step: The iteration, which stays open until another one is named, or a call that names none; None for
                the open iteration, or else the next.
            commit: False to hold the values back until the iteration ends, or the next call without it.
        """
        try:
            self._log(data, step, commit=commit)
        except Exception as error:  # noqa: BLE001 - counted and told
            if self._held is not None:
                self._held.note("wandb.log", error)

    def alert(self, title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:  # noqa: ARG002
        """Write a line: nobody is sent a message."""
        if self._run is not None:
            method = _LEVELS.get(str(getattr(level, "value", level)).upper(), "info")
            getattr(self._run.logger, method)(str(title), text=str(text))

    def finish(self, exit_code: int | None = None, **_kwargs: Any) -> None:
        """End the run; an exit code other than 0 says that it has failed."""
        self._end(SystemExit(exit_code) if exit_code else None)

    def _log(self, data: Any, step: Any, *, commit: bool | None) -> None:
        if not isinstance(data, Mapping):
            raise TypeError(f"it takes a mapping, not {shown(data)}")
        values = flat(data)
        if step is not None:
            step = self._named(step)
        if step is not None:
            if self._pending and self._row not in (None, step):
                self._end_row()
            self._row = self.step = step
        self._pending.update(values)
        if commit is not False:
            self._end_row()
            if step is None or commit:
                self._row = None

    def _named(self, step: Any) -> int | None:
        """A step as an int; None for one that is none, which is told."""
        try:
            return _whole(step)
        except ValueError as error:
            if self._held is not None:
                self._held.note("wandb.log", error)
            return None

    def _end_row(self) -> None:
        """Write what was held back, at the step that was named, or else at the next."""
        values, self._pending = self._pending, {}
        counted = 0 if self._run is None else self._run.iteration
        self.step = max(self.step, counted) + 1 if self._row is None else self._row
        self._write(values)
        if self._row is None and self._run is not None and self._held is not None and not self._held.is_own:
            self.step = self._run.iteration  # which counts by itself

    def _write(self, values: Mapping[str, Any]) -> None:
        kept = without_unkept(values, "wandb.log")
        texts = {name: value for name, value in kept.items() if isinstance(value, str)}
        scalars = {name: value for name, value in kept.items() if name not in texts and name != "epoch"}
        self.summary.update(
            {name: value for name, value in kept.items() if isinstance(value, (int, float, str, np.number))}
        )
        if self._run is None:
            return
        for name, text in texts.items():
            self._run.note_text(name, text=text)
        if scalars:
            named = translated_all(scalars, "train")
            self._run.log(named, step=None if self._counts_itself(self._run, named) else self.step)

    def _counts_itself(self, run: otel_mmlog.Run, named: Mapping[str, Any]) -> bool:
        """Whether the run gets to the row's step on its own, whose record then need not wait for more of it."""
        if not run.takes_steps:
            return True
        if self._row is not None:
            return False
        if self._held is None or not self._held.is_own:
            return True
        return self.step == run.iteration + 1 and any(name.startswith("train/") for name in named)

    def _end(self, error: BaseException | None) -> None:
        if self.closed:
            return
        if self._pending:
            self.log({})
        self._closed = True
        if self._run is not None and self._held is not None:
            if self.summary:
                self._run.logger.info("Summary", summary=dict(self.summary))
            self._held.close(error)


def _whole(step: Any) -> int:
    """A step as an int.

    Raises:
        ValueError: It is no whole number from 0.
    """
    try:
        number = operator.index(step)
    except TypeError:
        is_whole = not isinstance(step, str) and hasattr(step, "__float__") and float(step).is_integer()
        number = int(float(step)) if is_whole else -1
    if number < 0:
        raise ValueError(
            f"step is {shown(step)}, but it is a whole number from 0; its values are logged as without one"
        )
    return number
