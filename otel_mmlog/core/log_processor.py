"""From a hub and its loop's progress to a record: mmengine's ``LogProcessor``."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from otel_mmlog.core import line
from otel_mmlog.core.collect import TIMES, OnRuleError, Tags, apply_rules, mode_histories, time_rules
from otel_mmlog.core.errors import ModeError
from otel_mmlog.core.hub_view import HubFace
from otel_mmlog.core.own_tags import plain_value, put_own, put_position
from otel_mmlog.core.progress import Progress
from otel_mmlog.core.record import Record, Source
from otel_mmlog.core.runner_face import RunnerFace
from otel_mmlog.core.window import WindowLengths

_KEPT_FOR_EPOCH = 5_000  # 8 histories of this length and their summaries are under 1 MB in a checkpoint


class LogProcessor(RunnerFace):
    """Makes the record of a log interval: applies the defaults and the rules, and writes the line.

    Args:
        window_size: How many values the default mean is over.
        by_epoch: Whether lines count epochs (``Epoch(train) [1][10/25]``) or iterations (``Iter(train) [10/250]``).
        custom_cfg: The rules: dicts with ``data_src``, ``method_name`` and perhaps ``window_size`` (int,
            ``'epoch'`` or ``'global'``), ``log_name`` and further arguments of the statistic.
        num_digits: Digits after the point.
        log_with_hierarchy: Whether tags keep the ``train/`` of their loop.
        mean_pattern: Regular expression; scalars in whose name it is found get the mean, the others the latest value.

    Raises:
        ConfigError: If an argument cannot be used.
        RuleError: If an entry of `custom_cfg` cannot be used.
    """

    def after_iter(
        self,
        hub: HubFace,
        progress: Progress,
        *,
        time_ns: int,
        rank: int = 0,
        memory_mib: int | None = None,
        windows: Mapping[str, int] | None = None,
        on_error: OnRuleError | None = None,
    ) -> Record:
        """The record at a log interval inside a loop.

        Args:
            hub: Where the scalars are.
            progress: Where the loop stands.
            time_ns: Unix time in nanoseconds.
            rank: The rank that makes the record.
            memory_mib: Peak device memory, or None without a device.
            windows: The full keys (``train/loss``) that the record is of; None: all, as mmengine's.
            on_error: Takes what a rule's statistic raises, which then costs its own tag; None: it is raised.
        """
        self._keep(hub, progress)
        hierarchical, scalars = self.log_with_hierarchy, hub.log_scalars
        if windows is not None:
            scalars = {key: scalars[key] for key in windows if key in scalars}
        shown = self._iter_tags(scalars, progress, on_error, hierarchical=False)
        tags = self._iter_tags(scalars, progress, on_error, hierarchical=True) if hierarchical else shown
        text = self._iter_text(progress, shown.values, tags.values, memory_mib)
        prefix = f"{progress.mode}/" if hierarchical else ""
        names = _line_order(tuple(tags.values), prefix)
        values = {name: plain_value(tags.values[name]) for name in names}
        if memory_mib is not None:
            put_own(values, tags.sources, "memory", memory_mib)
        put_position(values, tags.sources, progress)
        if progress.eta_s is not None:
            put_own(values, tags.sources, "eta", progress.eta_s)
        return Record("iter", progress, values, tags.sources, text, time_ns, rank)

    def after_epoch(
        self,
        hub: HubFace,
        progress: Progress,
        *,
        time_ns: int,
        rank: int = 0,
        windows: Mapping[str, int] | None = None,
        with_non_scalar: bool = True,
        on_error: OnRuleError | None = None,
    ) -> Record:
        """The record that sums a val or test loop up.

        Args:
            hub: Where the scalars are.
            progress: Where the loop stands: at its last batch.
            time_ns: Unix time in nanoseconds.
            rank: The rank that makes the record.
            windows: Full key (``val/acc``) -> how many of its latest values belong to this loop. The default is
                then their mean, and other keys are left out. None: mmengine's defaults for all keys.
            with_non_scalar: Whether the tags have the non-scalar metrics that the line has.
            on_error: As for `after_iter`.

        Raises:
            ModeError: If the loop is a train loop.
        """
        if progress.mode == "train":
            raise ModeError("only val and test loops are summed up, got the progress of a train loop")
        tags = self._epoch_tags(hub, progress, windows, on_error)
        prefix = f"{progress.mode}/" if self.log_with_hierarchy else ""
        times = {
            name: tags.values.pop(name) for name in list(tags.values) if name.removeprefix(prefix) in TIMES
        }
        others = self._non_scalars(hub.runtime_info, progress.mode, f"{progress.mode}/")
        shown = (*tags.values.items(), *others.items(), *times.items())
        text = line.epoch_line(progress, shown, num_digits=self.num_digits)
        values = {name: plain_value(value) for name, value in tags.values.items()}
        values.update(others if with_non_scalar else {})
        values.update((name, plain_value(value)) for name, value in times.items())
        put_position(values, tags.sources, progress)
        return Record("epoch", progress, values, tags.sources, text, time_ns, rank)

    def _keep(self, hub: HubFace, progress: Progress) -> None:
        hub.keep_at_least(self.longest_window)
        if any(rule.window_size == "epoch" for rule in self.rules):
            hub.keep_at_least(min(progress.batch_idx + 1, _KEPT_FOR_EPOCH))

    def _iter_tags(
        self,
        scalars: Mapping[str, Any],
        progress: Progress,
        on_error: OnRuleError | None,
        *,
        hierarchical: bool,
    ) -> Tags:
        start = f"{progress.mode}/"
        histories = mode_histories(scalars, start, progress.mode, hierarchical=hierarchical)
        lengths = WindowLengths(progress.batch_idx + 1, progress.iter)
        prefix = start if hierarchical else ""
        return self._tags(histories, self.mode_rules[progress.mode], lengths, prefix, on_error)

    def _epoch_tags(
        self,
        hub: HubFace,
        progress: Progress,
        windows: Mapping[str, int] | None,
        on_error: OnRuleError | None,
    ) -> Tags:
        start = f"{progress.mode}/"
        histories = mode_histories(hub.log_scalars, start, progress.mode, hierarchical=True)
        lengths = WindowLengths(progress.batch_idx + 1, progress.iter)
        prefix = start if self.log_with_hierarchy else ""
        rules = self.mode_rules[progress.mode]
        if windows is None:
            named = {prefix + key.removeprefix(start): history for key, history in histories.items()}
            return self._tags(named, (*rules, *time_rules(rules, progress.mode)), lengths, prefix, on_error)
        tags = Tags()
        own = {key: history for key, history in histories.items() if windows.get(key)}
        with np.errstate(all="ignore"):
            for key, history in own.items():
                tags.put(
                    prefix + key.removeprefix(start), history.mean(windows[key]), Source("mean", "epoch")
                )
            for rule in rules:
                key = start + rule.data_src
                if key in own:
                    loop_lengths = WindowLengths(windows[key], progress.iter)
                    named = {prefix + rule.data_src: own[key]}
                    apply_rules(tags, (rule,), named, loop_lengths, prefix, on_error)
        return tags


@lru_cache(maxsize=16)
def _line_order(names: tuple[str, ...], prefix: str) -> list[str]:
    """Learning rates, times, then the rest: the order in which the line shows them."""
    rates: list[str] = []
    times: list[str] = []
    others: list[str] = []
    for name in names:
        bare = name.removeprefix(prefix)
        (rates if bare.endswith("lr") else times if bare in TIMES else others).append(name)
    return [*rates, *sorted(times, reverse=True), *others]  # "time" before "data_time"
