"""Gives each tag the name of a metric, and no two tags one name in Prometheus."""

import hashlib
import re
from collections.abc import Callable

from otel_mmlog.core.progress import MODES, mode_of
from otel_mmlog.otel.prometheus import metric_name
from otel_mmlog.otel.semconv import METRIC_PREFIX, RAW_METRIC_PREFIX, RESERVED_TAGS, UNITS

MAX_NAME_CHARS = 255
_NOT_IN_A_NAME = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")


class MetricNames:
    """The metric names of one process, each given once.

    Args:
        on_collision: Called with one sentence when a tag gets another name than it would have alone.
    """

    def __init__(self, on_collision: Callable[[str], None]) -> None:
        self._on_collision = on_collision
        self._names: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        for mode in MODES:
            for tag in RESERVED_TAGS:  # dashboards join on these: no tag of a user may take their names
                self.name_for(mode, tag)

    def name_for(self, mode: str, tag: str) -> str:
        """Return the metric of a tag: ``mmlog.train.loss`` for ``loss`` or ``train/loss`` of mode train."""
        mode_of_tag, path = split_mode(tag)
        return self._unique(f"{METRIC_PREFIX}{mode_of_tag or mode}.{path}", unit_of(tag))

    def raw_name_for(self, key: str) -> str:
        """Return the metric of a hub's key: ``mmlog.raw.train.loss`` for ``train/loss``."""
        return self._unique(f"{RAW_METRIC_PREFIX}{key}", unit_of(key))

    def _unique(self, wanted: str, unit: str) -> str:
        if wanted not in self._names:
            self._names[wanted] = self._claim(wanted, unit)
        return self._names[wanted]

    def _claim(self, wanted: str, unit: str) -> str:
        name = _cut(_NOT_IN_A_NAME.sub("_", wanted.replace("/", ".")), wanted)
        owner = self._owners.setdefault(metric_name(name, unit), wanted)
        if owner == wanted:
            return name
        other = _hashed(name, wanted)
        self._owners.setdefault(metric_name(other, unit), wanted)
        self._on_collision(
            f"the metrics {owner!r} and {wanted!r} would be one, {metric_name(name, unit)!r}, in Prometheus: "
            f"the second leaves as {other!r}. Rename one of them to choose its name."
        )
        return other


def split_mode(tag: str) -> tuple[str, str]:
    """Return the mode that a tag starts with, or an empty string, and the rest of the tag."""
    mode = mode_of(tag)
    path = tag[len(mode) + 1 :] if mode else ""
    return (mode, path) if mode and path else ("", tag)


def unit_of(tag: str) -> str:
    """Return a tag's UCUM unit, or an empty string where none is known."""
    return UNITS.get(split_mode(tag)[1], "")


def _cut(name: str, wanted: str) -> str:
    return name if len(name) <= MAX_NAME_CHARS else _hashed(name, wanted)


def _hashed(name: str, wanted: str) -> str:
    digest = hashlib.sha256(wanted.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{name[: MAX_NAME_CHARS - 9]}_{digest}"
