"""How the tags of a log processor came about: by which statistic, of which window, from which scalar."""

from collections.abc import Container, Iterable
from typing import Any

from otel_mmlog.core.collect import time_rules
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.processor_base import ProcessorBase
from otel_mmlog.core.progress import Mode
from otel_mmlog.core.record import CURRENT, Source
from otel_mmlog.core.window import Rule

_EPOCH_MEAN = Source("mean", "epoch")


def settings_of(processor: Any) -> ProcessorBase | None:
    """The settings of MMEngine's log processor as ours reads them; None where it could not be built from them."""
    if isinstance(processor, ProcessorBase):
        return processor
    try:
        return ProcessorBase(
            processor.window_size,
            processor.by_epoch,
            processor.custom_cfg,
            processor.num_digits,
            processor.log_with_hierarchy,
            processor.mean_pattern,
        )
    except (ConfigError, AttributeError):
        return None


class Sources:
    """The sources of one processor's tags.

    Args:
        processor: A runner's log processor.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self._settings = settings = settings_of(processor)
        self._rules = {rule.log_name: rule for rule in settings.rules} if settings is not None else {}
        self._is_hierarchical = settings is not None and settings.log_with_hierarchy
        self._defaults: dict[tuple[str, str, str], Source] = {}
        self._of_latest: tuple[tuple[tuple[str, ...], str, str], dict[str, Source]] | None = None

    def of(self, names: Iterable[str], mode: Mode, kind: str, keys: Container[str]) -> dict[str, Source]:
        """Name -> source, for the tags that are not simply the latest value.

        Args:
            names: The tags.
            mode: The loop that they are of.
            kind: ``"iter"`` or ``"epoch"``.
            keys: The full names of the scalars that there are: a rule that finds none writes no tag.
        """
        if self._rules:
            return self._find(names, mode, kind, keys)
        asked = (tuple(names), mode, kind)
        if self._of_latest is None or self._of_latest[0] != asked:  # a loop's tags stay the same
            self._of_latest = (asked, self._find(asked[0], mode, kind, keys))
        return dict(self._of_latest[1])

    def _find(self, names: Iterable[str], mode: Mode, kind: str, keys: Container[str]) -> dict[str, Source]:
        found = {}
        for name in names:
            rule = self._applied(name, mode, keys)
            source = self._default(name, mode, kind) if rule is None else rule.source
            if source is not CURRENT:
                found[name] = source
        return found

    def key_of(self, name: str, mode: Mode, keys: Container[str]) -> str:
        """The full name of the scalar that a tag was taken from."""
        rule = self._applied(name, mode, keys)
        if rule is not None:
            return f"{mode}/{rule.data_src}"
        key = f"{mode}/{self._bare(name, mode)}"
        return key if key in keys else name

    def _applied(self, name: str, mode: Mode, keys: Container[str]) -> Rule | None:
        rule = self._rules.get(self._bare(name, mode))
        return rule if rule is not None and f"{mode}/{rule.data_src}" in keys else None

    def _bare(self, name: str, mode: Mode) -> str:
        return name.removeprefix(f"{mode}/") if self._is_hierarchical else name

    def _default(self, name: str, mode: Mode, kind: str) -> Source:
        source = self._defaults.get((name, mode, kind))
        if source is None:
            source = self._defaults[name, mode, kind] = self._find_default(name, mode, kind)
        return source

    def _find_default(self, name: str, mode: Mode, kind: str) -> Source:
        settings = self._settings
        if settings is None:
            return CURRENT
        bare = self._bare(name, mode)
        if kind == "epoch" and bare in {rule.data_src for rule in time_rules(settings.rules, mode)}:
            return _EPOCH_MEAN
        if settings.mean_pattern.search(name):
            return Source("mean", str(settings.window_size))
        return CURRENT
