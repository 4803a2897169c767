"""What runs are called side by side: by what differs between them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from otel_mmlog.core.escape import escape
from otel_mmlog.runs.config import differing, value_text
from otel_mmlog.runs.sources import Source

_MOST_SETTINGS = 3
_ID_CHARS = 8
_MADE_ID = re.compile(r"[0-9a-f-]{16,}")


def labels(sources: Sequence[Source]) -> list[str]:
    """Return a label for each run, no two alike: ``lr 0.1, depth 18``; names of runs where settings tell nothing."""
    texts = [escape(text) for text in _by_settings(sources)]
    ways = (
        [escape(source.name) for source in sources],
        [escape(source.work_dir.name) for source in sources],
        [escape(_short_id(source.run_id)) for source in sources],
    )
    if any(texts):
        texts = [text or name for text, name in zip(texts, ways[0], strict=True)]
    for names in ways:
        texts = _told_apart(texts, names)
    texts = [text or name for text, name in zip(texts, ways[0], strict=True)]
    return texts if len(set(texts)) == len(texts) else [f"{text} #{at}" for at, text in enumerate(texts, 1)]


def _told_apart(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Add a name to those texts that several runs have, if these have several names."""
    of: dict[str, set[str]] = {}
    for text, name in zip(texts, names, strict=True):
        of.setdefault(text, set()).add(name)
    return [
        text if len(of[text]) == 1 else f"{text}, {name}" if text else name
        for text, name in zip(texts, names, strict=True)
    ]


def setting_of(sources: Sequence[Source]) -> list[float] | None:
    """Return the values of the one setting that differs between runs, if it is one and a number in all of them."""
    configs = [_own(source) for source in sources]
    names = differing(configs)
    if len(names) != 1:
        return None
    values = [config.get(names[0]) for config in configs]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values if value is not None]
    return None


def _short_id(run_id: str) -> str:
    return run_id[:_ID_CHARS] if _MADE_ID.fullmatch(run_id) else run_id


def _by_settings(sources: Sequence[Source]) -> list[str]:
    configs = [_own(source) for source in sources]
    names = _telling(configs)
    short = [name.rpartition(".")[2] for name in names]
    if len(set(short)) < len(short):
        short = names
    pairs = list(zip(names, short, strict=True))
    return [
        ", ".join(f"{shown} {value_text(config, name)}" for name, shown in pairs if name in config)
        for config in configs
    ]


def _telling(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that differ; of many the few that tell most runs apart."""
    names = differing(configs)
    if len(names) <= _MOST_SETTINGS:
        return names
    chosen: list[str] = []
    while len(chosen) < _MOST_SETTINGS and _kinds(configs, chosen) < len(configs):
        best = max(names, key=lambda name: _kinds(configs, [*chosen, name]))
        if _kinds(configs, [*chosen, best]) == _kinds(configs, chosen):
            break
        chosen.append(best)
    return [name for name in names if name in chosen]


def _kinds(configs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> int:
    return len({tuple(value_text(config, name) for name in names) for config in configs})


def _own(source: Source) -> dict[str, Any]:
    """A run's settings without those that only say where it writes."""
    return {name: value for name, value in source.config.items() if not _is_place(value, source)}


def _is_place(value: Any, source: Source) -> bool:
    if not isinstance(value, str) or not value:
        return False
    return value == source.name or PurePath(value).name in (
        source.work_dir.name,
        source.work_dir.resolve().name,
    )
