"""From histories to tags: which scalars a loop shows, and what the defaults and the rules make of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from otel_mmlog.core.record import CURRENT, Source
from otel_mmlog.core.window import Rule, WindowLengths

TIMES = ("time", "data_time")
"""Scalars that every loop has and that are shown in a place of their own."""

OnRuleError = Callable[[Rule, Exception], None]
"""Takes a rule and what its statistic raised."""

_PLAIN: dict[type, Callable[[Any], Any]] = {np.float64: float, np.int64: int, np.bool_: bool}


@dataclass(slots=True)
class Tags:
    """Name -> value, and name -> how it was taken for all that are not simply the latest value."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    def put(self, name: str, value: Any, source: Source) -> None:
        """Set a tag; a name that exists keeps its place.

        Only what Python shows with the same characters becomes a plain number here: a float32 does not.
        """
        plain = _PLAIN.get(value.__class__)
        self.values[name] = value if plain is None else plain(value)
        if source is CURRENT:
            self.sources.pop(name, None)
        else:
            self.sources[name] = source


class Defaults:
    """What happens to a scalar that no rule overwrites: the mean of a window, or the latest value.

    Args:
        mean_pattern: Names in which this is found get the mean.
        window_size: Of how many values.
    """

    def __init__(self, mean_pattern: re.Pattern[str], window_size: int) -> None:
        self._mean_pattern = mean_pattern
        self._window_size = window_size
        self._mean = Source("mean", str(window_size))
        self._is_mean: dict[str, bool] = {}

    def tags(self, histories: Mapping[str, Any]) -> Tags:
        """The tags of all scalars."""
        tags = Tags()
        values, sources, means = tags.values, tags.sources, self._is_mean
        for name, history in histories.items():
            is_mean = means.get(name)
            if is_mean is None:
                is_mean = means[name] = self._mean_pattern.search(name) is not None
            if is_mean:
                value = history.mean(self._window_size)
                sources[name] = self._mean
            else:
                value = history.current()
            plain = _PLAIN.get(value.__class__)
            values[name] = value if plain is None else plain(value)
        return tags


def mode_histories(
    histories: Mapping[str, Any], prefix: str, mode: str, *, hierarchical: bool
) -> dict[str, Any]:
    """The histories whose key starts with `prefix`, by name: without the ``train/`` unless `hierarchical`."""
    names = _mode_names((*histories,), prefix, f"{mode}/", hierarchical)
    return {name: histories[key] for key, name in names}


@lru_cache(maxsize=16)
def _mode_names(
    keys: tuple[str, ...],
    prefix: str,
    start: str,
    hierarchical: bool,  # noqa: FBT001
) -> list[tuple[str, str]]:
    """The keys of `mode_histories`, each with its name: the same at nearly every call."""
    return [(key, key if hierarchical else key.removeprefix(start)) for key in keys if key.startswith(prefix)]


def apply_rules(
    tags: Tags,
    rules: Sequence[Rule],
    histories: Mapping[str, Any],
    lengths: WindowLengths,
    prefix: str = "",
    on_error: OnRuleError | None = None,
) -> None:
    """Set the tag of every rule whose scalar is there; `prefix` goes before the names in both.

    A rule whose statistic raises costs its own tag if `on_error` takes the exception; without it, that is raised.
    """
    for rule in rules:
        history = histories.get(prefix + rule.data_src)
        if history is None:
            continue
        try:
            value = history.statistics(rule.method_name, **rule.call_arguments(lengths))
        except Exception as error:
            if on_error is None:
                raise
            on_error(rule, error)
        else:
            tags.put(prefix + rule.log_name, value, rule.source)


def time_rules(rules: Sequence[Rule], mode: str) -> tuple[Rule, ...]:
    """At the end of a loop times are averaged over it, unless a rule reads them."""
    ruled = {rule.data_src.removeprefix(f"{mode}/") for rule in rules}
    return tuple(
        Rule(-1, name, "mean", "epoch", name, {"window_size": "epoch"}) for name in TIMES if name not in ruled
    )
