"""Rules that wait for a scalar that nobody logs: found after the first epoch, told once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_mmlog.core.progress import mode_of
from otel_mmlog.core.statistics import nearest
from otel_mmlog.core.window import Rule


@dataclass(frozen=True, slots=True)
class UnseenSource:
    """A ``data_src`` that never appeared, and the names that did and look most like it."""

    data_src: str
    near: tuple[str, ...]


def unseen_sources(
    rules: Sequence[Rule], histories: Mapping[str, Any], modes: Collection[str]
) -> tuple[UnseenSource, ...]:
    """The sources of rules that none of these loops has logged.

    A source that names another loop (``val/acc`` when only train has run) is not yet missed.

    Args:
        rules: The rules.
        histories: Key -> history, all that was logged so far.
        modes: The loops that have run.
    """
    names = {
        mode: {key.removeprefix(f"{mode}/") for key in list(histories) if key.startswith(f"{mode}/")}
        for mode in modes
    }
    seen = set().union(*names.values())
    unseen: dict[str, UnseenSource] = {}
    for rule in rules:
        source = rule.data_src
        mode = mode_of(source)
        if source in seen or (mode is not None and mode not in names):
            continue
        if mode is not None and source.removeprefix(f"{mode}/") in names[mode]:
            continue
        unseen[source] = UnseenSource(source, nearest(source, seen))
    return tuple(unseen.values())


def unseen_warning(unseen: Sequence[UnseenSource], modes: Collection[str]) -> str:
    """The one warning about them, as one line."""
    parts = []
    for source in unseen:
        near = f" (nearest: {', '.join(map(repr, source.near))})" if source.near else ""
        parts.append(f"{source.data_src!r}{near}")
    return (
        f"custom_cfg reads {', '.join(parts)}, but no {' or '.join(modes)} loop has logged that: "
        "check data_src, it is written without the loop's name"
    )
