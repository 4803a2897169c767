"""The methods that MMEngine's hooks, and subclasses of its log processor, call with a runner."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from otel_mmlog.core import line
from otel_mmlog.core.collect import TIMES, mode_histories, time_rules
from otel_mmlog.core.errors import ModeError
from otel_mmlog.core.memory import has_device, peak_memory_mib
from otel_mmlog.core.processor_base import ProcessorBase
from otel_mmlog.core.progress import MODES, Mode, Progress
from otel_mmlog.core.runner_progress import epoch_of, has_train_loop, loader_len, loop_of, progress_of
from otel_mmlog.core.window import Rule, WindowLengths, parse_rules


class TrainLine(NamedTuple):
    """What a line of a train loop was made of: the tags that were returned, and where the runner stood."""

    tags: dict[str, Any]
    progress: Progress


class RunnerFace(ProcessorBase):
    """mmengine's methods, with its text and its tags for the same runner.

    As in mmengine, every scalar whose key *starts with* the mode belongs to it: ``trainer/x`` is shown in train.

    Attributes:
        latest: Of the latest line if that was of a train loop, else None.
    """

    latest: TrainLine | None = None

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: Mode) -> tuple[dict[str, Any], str]:
        """The tags and the line at a log interval.

        Args:
            runner: An MMEngine `Runner`.
            batch_idx: Index of the batch in its loop, from 0.
            mode: The loop that runs.

        Raises:
            ModeError: If the mode is unknown (also an `AssertionError`).
        """
        _check_mode(mode, MODES)
        rules = _with_lengths(self.rules, runner, batch_idx)
        progress = progress_of(runner, batch_idx, mode, by_epoch=self.by_epoch)
        shown = self._collect_scalars(rules, runner, mode)
        tags = self._collect_scalars(rules, runner, mode, True) if self.log_with_hierarchy else dict(shown)  # noqa: FBT003 - mmengine's signature
        memory_mib = self._get_max_memory(runner) if self._has_device() else None
        text = self._iter_text(progress, shown, tags, memory_mib)
        if self.by_epoch and mode != "test":
            tags["epoch"] = progress.epoch
        tags["iter"] = progress.iter if has_train_loop(runner) else 0
        if memory_mib is not None:
            tags["memory"] = memory_mib
        self.latest = TrainLine(tags, progress) if mode == "train" else None
        return tags, text

    def get_log_after_epoch(
        self,
        runner: Any,
        batch_idx: int,
        mode: Mode,
        with_non_scalar: bool = False,  # noqa: FBT001, FBT002 - mmengine's signature
    ) -> tuple[dict[str, Any], str]:
        """The tags and the line at the end of a val or test loop.

        Args:
            runner: An MMEngine `Runner`.
            batch_idx: Index of the batch in its loop, from 0; MMEngine passes the length of the loader.
            mode: The loop that ends.
            with_non_scalar: Whether the tags have the non-scalar metrics that the line has.

        Raises:
            ModeError: If the mode is neither val nor test (also an `AssertionError`).
        """
        _check_mode(mode, ("val", "test"))
        progress = progress_of(runner, batch_idx, mode, by_epoch=self.by_epoch)
        rules = _with_lengths((*self.rules, *time_rules(self.rules, mode)), runner, batch_idx)
        scalars = self._collect_scalars(rules, runner, mode, self.log_with_hierarchy)
        times = {name: value for name, value in scalars.items() if name.removeprefix(f"{mode}/") in TIMES}
        tags = {name: value for name, value in scalars.items() if name not in times}
        others = self._collect_non_scalars(runner, mode)
        shown = (*tags.items(), *others.items(), *times.items())
        text = line.epoch_line(progress, shown, num_digits=self.num_digits)
        if with_non_scalar:
            tags.update(others)
        tags.update(times)
        return tags, text

    def _collect_scalars(
        self,
        custom_cfg: Sequence[Any],
        runner: Any,
        mode: Mode,
        reserve_prefix: bool = False,  # noqa: FBT001, FBT002 - mmengine's signature
    ) -> dict[str, Any]:
        """Name -> value; `custom_cfg` holds rules or mmengine's dicts, with windows as ints."""
        rules = (
            custom_cfg
            if all(isinstance(rule, Rule) for rule in custom_cfg)
            else parse_rules(custom_cfg, by_epoch=True)
        )
        histories = mode_histories(runner.message_hub.log_scalars, mode, mode, hierarchical=reserve_prefix)
        lengths = WindowLengths(0, 0)
        return self._tags(histories, rules, lengths, f"{mode}/" if reserve_prefix else "").values

    def _collect_non_scalars(self, runner: Any, mode: str) -> dict[str, Any]:
        return self._non_scalars(runner.message_hub.runtime_info, mode, mode)

    def _has_device(self) -> bool:
        return has_device()

    def _get_max_memory(self, runner: Any) -> int:
        return peak_memory_mib(getattr(runner.model, "output_device", None))

    def _get_iter(self, runner: Any, batch_idx: int) -> int:
        return batch_idx + 1 if self.by_epoch else int(runner.iter) + 1

    def _get_epoch(self, runner: Any, mode: str) -> int:
        return epoch_of(runner, mode)

    def _get_cur_loop(self, runner: Any, mode: str) -> Any:
        return loop_of(runner, mode)

    def _get_dataloader_size(self, runner: Any, mode: str) -> int | None:
        return loader_len(loop_of(runner, mode))


def _with_lengths(rules: Sequence[Rule], runner: Any, batch_idx: int) -> tuple[Rule, ...]:
    """The rules with their windows as numbers of values.

    MMEngine builds a train loop for whoever asks a runner for its iteration: only a rule that needs it may ask.
    """
    needs_iter = any(rule.window_size == "global" for rule in rules)
    lengths = WindowLengths(batch_idx + 1, runner.iter + 1 if needs_iter else 0)
    return tuple(rule.with_lengths(lengths) for rule in rules)


def _check_mode(mode: str, allowed: Sequence[str]) -> None:
    if mode not in allowed:
        raise ModeError(f"mode must be one of {', '.join(map(repr, allowed))}, got {mode!r}")
