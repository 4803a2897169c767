"""From what a log processor returned to the record of that line; nothing is computed a second time."""

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from otel_mmlog.core.collect import TIMES
from otel_mmlog.core.own_tags import plain_value, put_own, put_position
from otel_mmlog.core.progress import Mode, Progress
from otel_mmlog.core.record import Record
from otel_mmlog.core.runner_face import RunnerFace
from otel_mmlog.core.runner_progress import has_train_loop, progress_of
from otel_mmlog.integrations.mmengine.loop_spans import position_of
from otel_mmlog.integrations.mmengine.sources import Sources

Kind = Literal["iter", "epoch"]


class Records:
    """Makes records.

    Args:
        rank: The rank that makes them.
    """

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._lengths: dict[str, int] = {}
        self._sources: Sources | None = None

    def begin_loop(self, runner: Any, mode: Mode) -> None:
        """Note how many values each scalar of a val or test loop has, before the loop adds its own."""
        histories = runner.message_hub.log_scalars
        self._lengths = {key: _length(histories[key]) for key in histories if key.startswith(f"{mode}/")}

    def make(
        self,
        runner: Any,
        batch_idx: int,
        mode: Mode,
        *,
        kind: Kind,
        tag: Mapping[str, Any],
        text: str,
    ) -> Record:
        """The record of a line.

        Args:
            runner: The runner, whose log processor returned ``tag`` and ``text``.
            batch_idx: Index of the batch in its loop, from 0.
            mode: The loop that runs.
            kind: ``"iter"`` or ``"epoch"``.
            tag: Name -> value.
            text: The line; the record has this very object.
        """
        processor = runner.log_processor
        if self._sources is None or self._sources.processor is not processor:
            self._sources = Sources(processor)
        progress = _progress_of_line(processor, tag) or _progress(
            runner, batch_idx, mode, by_epoch=processor.by_epoch
        )
        keys = runner.message_hub.log_scalars
        values = {
            name: plain_value(value)
            for name, value in tag.items()
            if not (name.startswith(mode) and _is_of_another(name, mode, keys))
        }
        if kind == "epoch":
            values = _with_others(values, processor, runner, mode)
        elif mode != "train":
            self._drop_earlier(values, keys, mode, self._sources)
        sources = self._sources.of(values, mode, kind, keys)
        if kind == "iter" and "memory" in values:
            put_own(values, sources, "memory", values["memory"])
        put_position(values, sources, progress)
        if kind == "iter" and progress.eta_s is not None:
            put_own(values, sources, "eta", progress.eta_s)
        return Record(kind, progress, values, sources, text, time.time_ns(), self._rank)

    def of_scalars(self, runner: Any, scalars: Mapping[str, Any]) -> Record:
        """A record of scalars that no log processor has seen; it has no line.

        Args:
            runner: The runner, or None if it is gone.
            scalars: Name -> value.
        """
        trains = runner is not None and has_train_loop(runner)
        at = position_of(runner).get("iter", 0) if trains else 0
        progress = Progress("train", by_epoch=False, epoch=0, iter=at, batch_idx=0)
        values = {name: plain_value(value) for name, value in scalars.items()}
        put_position(values, {}, progress)
        return Record("iter", progress, values, {}, "", time.time_ns(), self._rank)

    def _drop_earlier(
        self, values: dict[str, Any], histories: Mapping[str, Any], mode: Mode, sources: Sources
    ) -> None:
        """Inside a val or test loop the hub still has what the loop before it measured: that is no news."""
        for name in list(values):
            key = sources.key_of(name, mode, histories)
            if key not in histories or key.removeprefix(f"{mode}/") in TIMES:
                continue
            if _length(histories[key]) <= self._lengths.get(key, 0):
                del values[name]


def _progress_of_line(processor: Any, tag: Mapping[str, Any]) -> Progress | None:
    """Where the runner stood for our own log processor, if it returned this very dict inside the train loop."""
    latest = processor.latest if isinstance(processor, RunnerFace) else None
    return latest.progress if latest is not None and latest.tags is tag else None


def _progress(runner: Any, batch_idx: int, mode: Mode, *, by_epoch: bool) -> Progress:
    """Where the runner stands; after its last iteration MMEngine's counter has gone one further."""
    progress = progress_of(runner, batch_idx, mode, by_epoch=by_epoch)
    if mode == "train" or not has_train_loop(runner):
        return progress
    at = position_of(runner)
    return replace(progress, epoch=at.get("epoch", progress.epoch), iter=at.get("iter", progress.iter))


def _with_others(values: dict[str, Any], processor: Any, runner: Any, mode: Mode) -> dict[str, Any]:
    """The tags in the order of the line, the metrics that are no scalars among them: MMEngine only shows those."""
    collect = getattr(processor, "_collect_non_scalars", None)
    others = {} if collect is None else dict(collect(runner, mode))
    times = {name: value for name, value in values.items() if name.removeprefix(f"{mode}/") in TIMES}
    rest = {name: value for name, value in values.items() if name not in times}
    return {**rest, **others, **times}


def _is_of_another(name: str, mode: Mode, keys: Collection[str]) -> bool:
    """Whether a tag that begins with the letters of the loop, as ``trainer_lag``, is there only for that."""
    return not name.startswith(f"{mode}/") and name in keys


def _length(history: Any) -> int:
    return len(history.data[0])
