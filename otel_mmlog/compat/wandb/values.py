"""Mappings as wandb has them: with attributes, and nested."""

import argparse
from collections.abc import Mapping
from typing import Any


class Values(dict[str, Any]):
    """A mapping whose keys are attributes, too, as ``wandb.config`` and ``run.summary`` are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} yet, only {sorted(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def update(self, *args: Any, allow_val_change: bool | None = None, **values: Any) -> None:  # noqa: ARG002
        """Put in values, of a mapping or a namespace."""
        super().update(*map(_mapping, args), **values)

    def setdefaults(self, values: Any) -> None:
        """Put in the values of a mapping or a namespace whose names are not there."""
        for name, value in _mapping(values).items():
            self.setdefault(name, value)

    def as_dict(self) -> dict[str, Any]:
        """The values in a plain dict."""
        return dict(self)


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as names with slashes."""
    names: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            names.update(flat(value, f"{prefix}{name}/"))
        else:
            names[f"{prefix}{name}"] = value
    return names


def _mapping(values: Any) -> Any:
    return vars(values) if isinstance(values, argparse.Namespace) else values
