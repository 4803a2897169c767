"""What else scripts call: it is not there, and each of it says so as fits what it is for.

What a script hands over (files, models to watch, axes) is left out and told once; what prepares a connection has
nothing to do; what a script wants to have back (artifacts, sweeps, other runs) is an error that says what to do.
"""

from collections.abc import Callable
from typing import Any

from otel_mmlog.compat.unkept import unkept
from otel_mmlog.compat.wandb.data import Artifact, Metric
from otel_mmlog.compat.wandb.errors import UnsupportedError

_HANDED_OVER: dict[str, Any] = {
    "define_metric": Metric(),
    "link_artifact": None,
    "link_model": None,
    "log_artifact": Artifact(),
    "log_code": None,
    "log_model": None,
    "save": [],
    "upsert_artifact": Artifact(),
    "watch": None,
}
_NEEDLESS: dict[str, Any] = {
    "attach": None,
    "ensure_configured": None,
    "get_url": None,
    "login": True,
    "mark_preempting": None,
    "require": None,
    "setup": None,
    "teardown": None,
    "unwatch": None,
}
_FILES = "keep the file yourself, and open it by its path"
_RUNS = "look at what runs have left with `otel-mmlog show` and `otel-mmlog plot`, or read their .jsonl files"
_SWEEPS = (
    "start a run for each setting yourself, with a `name` of its own, and see them with `otel-mmlog compare`"
)
_WANTED = {
    "Api": _RUNS,
    "agent": _SWEEPS,
    "controller": _SWEEPS,
    "restore": _FILES,
    "sweep": _SWEEPS,
    "use_artifact": _FILES,
    "use_model": _FILES,
}


def find_absent(name: str) -> Callable[..., Any] | None:
    """Return what stands for a function that is not there; None for one that nobody knows."""
    if name in _HANDED_OVER:
        return unkept(f"wandb.{name}", _HANDED_OVER[name])
    if name in _NEEDLESS:
        return lambda *_args, **_kwargs: _NEEDLESS[name]
    if name in _WANTED:
        return _refused(name)
    return None


def _refused(name: str) -> Callable[..., Any]:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise UnsupportedError(f"wandb.{name} asks wandb's server, and there is none here: {_WANTED[name]}")

    return refuse
