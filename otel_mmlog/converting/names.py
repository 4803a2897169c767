"""Which loop and which tag a scalar's name means: ``train/loss``, ``Loss/train``, ``val_loss``, ``loss``."""

import re

from otel_mmlog.core.progress import Mode

_MODES: dict[str, Mode] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_ALIASES = {"learning_rate": "lr"}
_CAPITALISED = re.compile(r"[A-Z][a-z]+")


class ScalarNames:
    """Gives each scalar of a run its loop and tag, and no two scalars of a loop one tag."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Mode], tuple[Mode, str]] = {}
        self._owners: dict[tuple[Mode, str], str] = {}

    def __call__(self, name: str, default: Mode) -> tuple[Mode, str]:
        """Return loop and tag.

        Args:
            name: As the scalar was logged.
            default: The loop of a name that tells none.
        """
        known = self._known.get((name, default))
        if known is None:
            mode, tag = split_name(name, default)
            while self._owners.setdefault((mode, tag), name) != name:
                tag += "_"
            known = self._known[name, default] = mode, tag
        return known


def mode_of_word(word: str) -> Mode | None:
    """Return the loop that a word means: ``val`` for ``Validation``; None for another word."""
    return _MODES.get(word.lower())


def split_name(name: str, default: Mode) -> tuple[Mode, str]:
    """Return the loop that stands first or last in a name, and the rest of it; `default` where it holds none."""
    first, slash, rest = name.partition("/")
    if not slash:
        first, slash, rest = name.partition("_")
    if slash and rest and (mode := mode_of_word(first)) is not None:
        return mode, _ALIASES.get(rest, rest)
    rest, slash, last = name.rpartition("/")
    if rest and (mode := mode_of_word(last)) is not None:
        tag = rest.lower() if _CAPITALISED.fullmatch(rest) else rest
        return mode, _ALIASES.get(tag, tag)
    return default, _ALIASES.get(name, name)
