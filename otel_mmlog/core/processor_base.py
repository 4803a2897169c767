"""The settings of a log processor, and what both of its faces do with them."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from otel_mmlog.core import line
from otel_mmlog.core.collect import Defaults, OnRuleError, Tags, apply_rules, mode_histories
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.history import HistoryBuffer
from otel_mmlog.core.hub import MessageHub
from otel_mmlog.core.progress import MODES, Progress
from otel_mmlog.core.shown import shown
from otel_mmlog.core.statistics import Statistic
from otel_mmlog.core.unseen import UnseenSource, unseen_sources
from otel_mmlog.core.window import Rule, WindowLengths, check_methods, parse_rules


class ProcessorBase:
    """Settings, rules and defaults; see `LogProcessor` for the arguments.

    Attributes:
        rules: The rules of ``custom_cfg``.
        mode_rules: Mode -> the rules as its loop reads them.
        longest_window: The largest window that is an int: what a hub must keep for it to go on after a restart.
    """

    def __init__(
        self,
        window_size: int = 10,
        by_epoch: bool = True,  # noqa: FBT001, FBT002 - mmengine's signature
        custom_cfg: Sequence[Mapping[str, Any]] | None = None,
        num_digits: int = 4,
        log_with_hierarchy: bool = False,  # noqa: FBT001, FBT002 - mmengine's signature
        mean_pattern: str | re.Pattern[str] = r".*(loss|time|data_time|grad_norm).*",
    ) -> None:
        self.window_size = _int("window_size", window_size, 1)
        self.by_epoch = _bool("by_epoch", by_epoch)
        self.num_digits = _int("num_digits", num_digits, 0)
        self.log_with_hierarchy = _bool("log_with_hierarchy", log_with_hierarchy)
        self.mean_pattern = _pattern(mean_pattern)
        self.rules = parse_rules(custom_cfg, by_epoch=by_epoch)
        self.mode_rules = {mode: tuple(rule.for_mode(mode) for rule in self.rules) for mode in MODES}
        self.longest_window = max(
            [window_size, *(rule.window_size for rule in self.rules if isinstance(rule.window_size, int))]
        )
        self.custom_cfg = list(custom_cfg or ())
        self._defaults = Defaults(self.mean_pattern, window_size)

    def check_methods(self, methods: Mapping[str, Statistic] | None = None) -> None:
        """Check, when training starts, that every statistic is registered and takes its arguments.

        Args:
            methods: Name -> statistic, if others than those of `HistoryBuffer`.

        Raises:
            UnknownStatisticError: If one is not registered (also a `KeyError`).
            RuleTypeError: If one does not take its arguments (also a `TypeError`).
        """
        check_methods(self.rules, HistoryBuffer._statistics_methods if methods is None else methods)

    def unseen_sources(self, hub: MessageHub, modes: Collection[str] = MODES) -> tuple[UnseenSource, ...]:
        """The sources of rules that none of these loops has logged so far."""
        return unseen_sources(self.rules, hub.log_scalars, modes)

    def _tags(
        self,
        histories: Mapping[str, Any],
        rules: Sequence[Rule],
        lengths: WindowLengths,
        prefix: str,
        on_error: OnRuleError | None = None,
    ) -> Tags:
        """The defaults for all histories, then the rules."""
        with np.errstate(all="ignore"):  # NaN and Inf are data, no reason for a warning
            tags = self._defaults.tags(histories)
            apply_rules(tags, rules, histories, lengths, prefix, on_error)
        return tags

    def _iter_text(
        self, progress: Progress, shown: Mapping[str, Any], tags: Mapping[str, Any], memory_mib: int | None
    ) -> str:
        rates, others = _split(tuple(tags), tuple(shown), f"{progress.mode}/")
        rate_values = {name: tags[key] for key, name in rates}
        values = {name: shown[name] for name in others}
        return line.iter_line(
            progress, values, rate_values, num_digits=self.num_digits, memory_mib=memory_mib
        )

    def _non_scalars(self, runtime_info: Mapping[str, Any], mode: str, prefix: str) -> dict[str, Any]:
        return mode_histories(runtime_info, prefix, mode, hierarchical=self.log_with_hierarchy)


@lru_cache(maxsize=16)
def _split(
    tags: tuple[str, ...], shown: tuple[str, ...], prefix: str
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The learning rates among tags, each with the name that the line shows, and what else it shows."""
    rates = {name: name.removeprefix(prefix) for name in tags if name.endswith("lr")}
    names = set(rates.values())
    return tuple(rates.items()), tuple(name for name in shown if name not in names)


def _int(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} must be an int of at least {least}, got {shown(value)}")
    return value


def _bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False, got {shown(value)}")
    return value


def _pattern(value: Any) -> re.Pattern[str]:
    if not isinstance(value, (str, re.Pattern)):
        raise ConfigError(f"mean_pattern must be a regular expression, got {shown(value)}")
    try:
        return re.compile(value)
    except re.error as error:
        raise ConfigError(
            f"mean_pattern must be a regular expression, got {shown(value)}: {error}"
        ) from error
